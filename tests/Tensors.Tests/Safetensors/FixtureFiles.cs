namespace MergeEngine.Tensors.Tests.Safetensors;

/// <summary>Where the fixtures lie: in the repository, or beside it for those that are too big for it.</summary>
internal static class FixtureFiles
{
    /// <summary>BF16 and I64 tensors with metadata, written by the reference crate through its Python package.</summary>
    public static string WrittenByTheCrate => Path.Combine(RequireRoot(), "tests", "Fixtures", "safetensors", "bf16-i64.safetensors");

    /// <summary>Optimizer runs of torch in float64.</summary>
    public static string OptimizerTrajectories => Path.Combine(RequireRoot(), "tests", "Fixtures", "adamw", "trajectory.safetensors");

    /// <summary>Every shared fixture; skips the test where there are none.</summary>
    public static IReadOnlyList<string> Shared()
    {
        string shared = Path.Combine(RequireRoot(), "..", "shared", "fixtures");
        Assert.SkipUnless(Directory.Exists(shared), "The shared fixtures are not beside the repository.");
        return [.. Directory.EnumerateFiles(shared, "*.safetensors", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];
    }

    private static string RequireRoot()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "Engine.sln"))) return directory.FullName;
        }

        Assert.Skip("The tests run outside the repository, without its fixtures.");
        return "";
    }
}
