using System.Text.Json;
using MergeEngine.Cli.Tests.Support;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Tests.Commands;

/// <summary><c>extract-lora</c> from the command line, as a user of mergekit-extract-lora types it.</summary>
public sealed class ExtractLoraTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public ExtractLoraTests()
    {
        var random = new Random(1);
        float[] Values(int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle())];
        float[] weight = Values(48), norm = Values(6);
        float[] tuned = [.. weight.Select((x, i) => x + (0.25f * (i / 6 % 3) * (i % 6)))];
        Write("base", weight, norm);
        Write("tuned", tuned, norm);
    }

    public void Dispose() => _directory.Dispose();

    private void Write(string name, float[] weight, float[] norm)
    {
        Directory.CreateDirectory(_directory[name]);
        SafetensorsWriter.Write(
            _directory[$"{name}/model.safetensors"],
            [TensorContent.FromFloat32("model.layers.0.q_proj.weight", new Shape(8, 6), weight), TensorContent.FromFloat32("model.norm.weight", new Shape(6), norm)]);
    }

    private Outcome Run(params string[] more) => MergeEngineProcess.RunIn(_directory.Path, ["extract-lora", "--model", "tuned", "--base-model", "base", "--out-path", "adapter", .. more]);

    [Fact]
    public void An_adapter_is_written_and_reported()
    {
        Outcome outcome = Run("--max-rank", "1", "--skip-undecomposable", "--json").Succeeded();
        JsonElement report = outcome.Json();
        Assert.Equal(1, report.GetProperty("rank").GetInt32());
        // The difference is an outer product.
        Assert.Equal(1, report.GetProperty("modules")[0].GetProperty("kept").GetDouble(), 1e-6);
        Assert.Contains("1 tensors cannot be decomposed and are left out: \"model.norm.weight\".", outcome.Error, StringComparison.Ordinal);
        Assert.Equal(["README.md", "adapter_config.json", "adapter_model.safetensors"], Directory.GetFileSystemEntries(_directory["adapter"]).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal));
        File.WriteAllText(_directory["r.yml"], "merge_method: passthrough\nmodels: [{model: base+adapter}]\n");
        MergeEngineProcess.RunIn(_directory.Path, "merge", "r.yml", "merged").Succeeded();
        // Half a unit in the last place of values up to 4, twice.
        MergeEngineProcess.RunIn(_directory.Path, "diff", "merged", "tuned", "--tolerance", "5e-7").Succeeded();
    }

    [Fact]
    public void Options_of_mergekit_that_mean_nothing_here_get_a_line()
    {
        string[] given = ["--allow-crimes", "--lora-merge-cache", "x", "--out-shard-size", "5B", "--no-copy-tokenizer", "--random-seed", "1", "--no-lazy-unpickle"];
        Outcome outcome = Run([.. given, "-j", "2", "--no-write-model-card", "--quiet", "-e", "norm", "-i", "q_", "-i", "other", "--sv-epsilon", "0.1", "--no-distribute-scale"]).Succeeded();
        foreach (string option in given.Where(g => g.StartsWith("--", StringComparison.Ordinal))) Assert.Contains($"note: {option} has no effect: ", outcome.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(_directory["adapter/README.md"]));
    }

    [Theory]
    [InlineData("tuned")]
    [InlineData("base")]
    [InlineData("link")]
    public void A_model_that_is_read_is_never_written_into(string output)
    {
        Directory.CreateSymbolicLink(_directory["link"], _directory["tuned"]);
        MergeEngineProcess.RunIn(_directory.Path, "extract-lora", "--model", "tuned/model.safetensors", "--base-model", "base", "--out-path", output, "--overwrite")
            .Refused(1, $"{output}: is a model that this extraction reads, expected another directory to write.");
        Assert.Equal(["model.safetensors"], Directory.GetFileSystemEntries(_directory[output]).Select(f => Path.GetFileName(f)!));
    }

    [Fact]
    public void What_is_wrong_is_one_sentence_and_leaves_nothing()
    {
        Run("-e", "(").Refused(2, "--exclude-regex", "regular expression");
        Run("-e", "q_proj", "--skip-undecomposable").Refused(1, "no module is left");
        MergeEngineProcess.RunIn(_directory.Path, "extract-lora", "--model", "absent", "--base-model", "base", "--out-path", "adapter").Refused(1, "absent");
        MergeEngineProcess.RunIn(_directory.Path, "extract-lora", "--model", "tuned").Refused(2, "--base-model");
        Assert.Equal(["base", "tuned"], Directory.GetFileSystemEntries(_directory.Path).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal));
        Run("--max-rank", "2").Succeeded();
        Run().Refused(1, "adapter: exists already");
    }
}
