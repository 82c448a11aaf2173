namespace MergeEngine.Cli.CommandLine;

/// <summary>What the process tells its caller.</summary>
internal static class ExitCode
{
    public const int Done = 0;

    /// <summary>The work could not be done: a file is missing or broken, the disk is full.</summary>
    public const int Failed = 1;

    /// <summary>The command line or the recipe is wrong: running it again cannot help.</summary>
    public const int Usage = 2;

    /// <summary>Stopped by Ctrl+C, as shells report it: 128 + SIGINT.</summary>
    public const int Stopped = 130;

    /// <summary>Stopped by SIGTERM, as a scheduler or service manager sends it: 128 + SIGTERM.</summary>
    public const int Terminated = 143;
}
