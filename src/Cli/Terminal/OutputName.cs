using MergeEngine.Cli.CommandLine;

namespace MergeEngine.Cli.Terminal;

/// <summary>Names of what is written, as the system has them.</summary>
internal static class OutputName
{
    /// <summary>What the runtime puts in place of bytes that are not UTF-8, in arguments and in the name of the working directory: a file would be written under another name than was given.</summary>
    private const char Replacement = '\uFFFD';

    /// <param name="path">The file or directory that will be written; null for what was left out.</param>
    /// <exception cref="UsageException">Its name, or that of the directory it lies in, is not known.</exception>
    public static void RequireKnown(string? path)
    {
        if (path is not { Length: > 0 } || !Path.GetFullPath(path).Contains(Replacement, StringComparison.Ordinal)) return;
        string whose = path.Contains(Replacement, StringComparison.Ordinal) ? "its name" : "the name of the working directory";
        throw new UsageException($"{path}: cannot be written because {whose} has bytes that are not UTF-8, or the character U+FFFD that stands for them, expected a name in UTF-8 without it.");
    }
}
