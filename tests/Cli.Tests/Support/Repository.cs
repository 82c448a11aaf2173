namespace MergeEngine.Cli.Tests.Support;

/// <summary>Where the repository's files are, found from the test's own place.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    /// <summary>A file or directory under tests/Fixtures.</summary>
    public static string Fixture(params string[] parts) => Path.Combine([Root, "tests", "Fixtures", .. parts]);

    private static string FindRoot()
    {
        for (DirectoryInfo? directory = new(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "Engine.sln"))) return directory.FullName;
        }

        throw new DirectoryNotFoundException($"No Engine.sln above {AppContext.BaseDirectory}.");
    }
}
