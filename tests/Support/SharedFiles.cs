namespace MergeEngine.Tests.Support;

/// <summary>Files too big for the repository, which lie beside it where they are at hand.</summary>
internal static class SharedFiles
{
    /// <summary>Path of a file or directory under ../shared; skips the test where it is not there.</summary>
    public static string Require(string path)
    {
        string full = Path.GetFullPath(Path.Combine(FixtureFiles.PathOf("../../.."), "shared", path));
        Assert.SkipUnless(File.Exists(full) || Directory.Exists(full), $"{Path.Combine("..", "shared", path)} is not here; it is too big for the repository.");
        return full;
    }
}
