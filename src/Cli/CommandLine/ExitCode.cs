namespace MergeEngine.Cli.CommandLine;

/// <summary>What the process tells its caller.</summary>
internal static class ExitCode
{
    public const int Done = 0;

    /// <summary>The work could not be done: a file is missing or broken, whoever names it, or cannot be written, the disk is full. Or the answer is no: checkpoints differ, hashes do not fit.</summary>
    public const int Failed = 1;

    /// <summary>What the command line, a recipe or an experiment file says is wrong, whatever the files hold, or a recipe's models do not fit each other: running it again cannot help.</summary>
    public const int Usage = 2;

    /// <summary>Stopped because its terminal or connection was closed: 128 + SIGHUP.</summary>
    public const int HungUp = 129;

    /// <summary>Stopped by Ctrl+C, as shells report it: 128 + SIGINT.</summary>
    public const int Stopped = 130;

    /// <summary>Stopped by Ctrl+\: 128 + SIGQUIT.</summary>
    public const int Quit = 131;

    /// <summary>Stopped by SIGTERM, as a scheduler or service manager sends it: 128 + SIGTERM.</summary>
    public const int Terminated = 143;
}
