using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Tests.Support;

/// <summary>The files under tests/Fixtures, found from wherever the test executable lies inside the repository.</summary>
internal static class FixtureFiles
{
    private static readonly string Root = FindRoot();

    /// <summary>Path of a fixture, for example <c>tatr/base</c>.</summary>
    public static string PathOf(string fixture) => Path.Combine(Root, "tests", "Fixtures", fixture);

    public static SafetensorsFile Open(string fixture) => SafetensorsFile.Open(PathOf(fixture));

    private static string FindRoot()
    {
        for (DirectoryInfo? directory = new(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "Engine.sln"))) return directory.FullName;
        }

        throw new DirectoryNotFoundException($"No directory above {AppContext.BaseDirectory} holds Engine.sln, expected to run inside the repository.");
    }
}
