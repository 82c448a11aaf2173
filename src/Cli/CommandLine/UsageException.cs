namespace MergeEngine.Cli.CommandLine;

/// <summary>The arguments contradict each other or cannot be used; the message is one sentence.</summary>
internal sealed class UsageException(string message) : Exception(message);
