namespace MergeEngine.Benchmarks.Tests.Peers;

/// <summary>The script that merges with a cold cache: what it says of its arguments.</summary>
public sealed class ColdCacheTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("merge-engine-");

    public void Dispose() => _directory.Delete(recursive: true);

    [Theory]
    [InlineData("cold_cache.py: expected a recipe and the checkpoints that it reads; --help tells more")]
    [InlineData("cold_cache.py: no-recipe.yml: does not exist, expected a recipe", "no-recipe.yml", "a.safetensors")]
    [InlineData("cold_cache.py: a.safetensors: does not exist, expected a checkpoint that the recipe reads", "RECIPE", "a.safetensors")]
    [InlineData("cold_cache.py: 'no-such-tool' is no program here, expected merge-engine's command line after --", "RECIPE", "RECIPE", "--", "no-such-tool")]
    [InlineData("cold_cache.py: --rounds is '0', expected a whole number of 1 or more", "--rounds", "0", "RECIPE", "RECIPE")]
    public void What_a_cold_merge_does_not_find_is_one_sentence(string expected, params string[] arguments)
    {
        string recipe = Path.Combine(_directory.FullName, "recipe.yml");
        File.WriteAllText(recipe, "merge_method: linear\n");
        (int code, string output, string error) = Python.Run([Path.Combine(Python.Scripts, "..", "cold_cache.py"), .. arguments.Select(word => word == "RECIPE" ? recipe : word)]);
        Assert.Equal((1, "", $"{expected}\n"), (code, output, error));
    }

    [Fact]
    public void Help_of_a_cold_merge_is_no_failure()
    {
        (int code, string output, string error) = Python.Run(Path.Combine(Python.Scripts, "..", "cold_cache.py"), "--help");
        Assert.Equal((0, ""), (code, error));
        Assert.Contains("cold_cache.py [--rounds N] RECIPE.yml INPUT.safetensors...", output, StringComparison.Ordinal);
    }
}
