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

    private void Write(string name, float[] weight, float[] norm, int rows = 8)
    {
        Directory.CreateDirectory(_directory[name]);
        SafetensorsWriter.Write(
            _directory[$"{name}/model.safetensors"],
            [TensorContent.FromFloat32("model.layers.0.q_proj.weight", new Shape(rows, 6), weight), TensorContent.FromFloat32("model.norm.weight", new Shape(6), norm)]);
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
        Assert.Contains("1 tensor cannot be decomposed and is left out: \"model.norm.weight\".", outcome.Error, StringComparison.Ordinal);
        Assert.Equal(["README.md", "adapter_config.json", "adapter_model.safetensors"], Directory.GetFileSystemEntries(_directory["adapter"]).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal));
        File.WriteAllText(_directory["r.yml"], "merge_method: passthrough\nmodels: [{model: base+adapter}]\n");
        MergeEngineProcess.RunIn(_directory.Path, "merge", "r.yml", "merged").Succeeded();
        // Half a unit in the last place of values up to 4, twice.
        MergeEngineProcess.RunIn(_directory.Path, "diff", "merged", "tuned", "--tolerance", "5e-7").Succeeded();
    }

    /// <summary>The work is done before the directory gets its name.</summary>
    [Fact]
    public void The_longest_name_can_be_written_and_a_longer_one_is_refused_before_the_work()
    {
        string longest = new('n', 255), longer = new('n', 256);
        string[] extract = ["extract-lora", "--model", "tuned", "--base-model", "base", "--max-rank", "1", "--out-path"];
        MergeEngineProcess.RunIn(_directory.Path, [.. extract, longest]).Succeeded();
        Assert.True(File.Exists(_directory[$"{longest}/adapter_model.safetensors"]));
        Assert.Equal(
            $"merge-engine: {longer}: cannot be written because the last part of its name has 256 bytes, expected at most 255.",
            MergeEngineProcess.RunIn(_directory.Path, [.. extract, longer]).Refused(1).Error.Trim());
        Assert.Equal(3, Directory.GetFileSystemEntries(_directory.Path).Length);
    }

    [Fact]
    public void Options_of_mergekit_that_mean_nothing_here_get_a_line()
    {
        string[] given = ["--allow-crimes", "--lora-merge-cache", "x", "--out-shard-size", "5B", "--no-copy-tokenizer", "--random-seed", "1", "--no-lazy-unpickle"];
        Outcome outcome = Run([.. given, "-j", "2", "--no-write-model-card", "--quiet", "-e", "norm", "-i", "q_", "-i", "other", "--sv-epsilon", "0.1", "--no-distribute-scale"]).Succeeded();
        foreach (string option in given.Where(g => g.StartsWith("--", StringComparison.Ordinal))) Assert.Contains($"note: {option} has no effect: ", outcome.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(_directory["adapter/README.md"]));
    }

    [Fact]
    public void A_model_that_is_equal_to_its_base_gets_a_note()
    {
        Outcome outcome = MergeEngineProcess.RunIn(_directory.Path, "extract-lora", "--model", "base", "--base-model", "base/model.safetensors", "--out-path", "adapter").Succeeded();
        Assert.Contains("note: base is equal to base/model.safetensors in all that an adapter holds: its factors are zeros.", outcome.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("is equal to", Run("--overwrite").Succeeded().Error, StringComparison.Ordinal);
    }

    /// <summary>As a killed process leaves it, and as one that is still at work holds it.</summary>
    [Fact]
    public void What_a_killed_extraction_left_is_removed_by_the_next()
    {
        foreach (string name in (string[])[".adapter.abcdefgh.xyz.partial", ".adapter.at-work1.xyz.partial", ".adapter.justmade.xyz.partial"]) Directory.CreateDirectory(_directory[name]);
        _directory.Write(".adapter.abcdefgh.xyz.partial/.lock", "");
        _directory.Write(".adapter.abcdefgh.xyz.partial/adapter_model.safetensors", "half");
        _directory.Write(".adapter.mine.partial", "not of a run");
        _directory.Write(".adapter.at-work1.xyz.partial/.lock", "");
        using (new FileStream(_directory[".adapter.at-work1.xyz.partial/.lock"], FileMode.Open, FileAccess.ReadWrite, FileShare.None)) Run("--max-rank", "1").Succeeded();
        Assert.Equal(
            [".adapter.at-work1.xyz.partial", ".adapter.mine.partial", "adapter", "base", "tuned"],
            Directory.GetFileSystemEntries(_directory.Path).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal));
        Assert.Equal(["README.md", "adapter_config.json", "adapter_model.safetensors"], Directory.GetFileSystemEntries(_directory["adapter"]).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void An_adapter_within_a_model_gets_a_note()
    {
        Outcome outcome = MergeEngineProcess.RunIn(_directory.Path, "extract-lora", "--model", "tuned", "--base-model", "base", "--out-path", "tuned/adapter", "--max-rank", "1", "--json").Succeeded();
        string note = $"tuned/adapter: lies within {_directory["tuned"]}, a model that is read: ";
        Assert.Contains($"merge-engine: note: {note}", outcome.Error, StringComparison.Ordinal);
        Assert.Contains(outcome.Json().GetProperty("notes").EnumerateArray(), n => n.GetString()!.StartsWith(note, StringComparison.Ordinal));
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

    /// <summary>As in mergekit: the model is what it is with its adapter. One of rank 1 is made first, and found again.</summary>
    [Fact]
    public void A_model_may_have_an_adapter()
    {
        Run("--max-rank", "1", "--skip-undecomposable").Succeeded();
        string[] Extract(string model, string origin, string output) =>
            ["extract-lora", "--model", model, "--base-model", origin, "--out-path", output, "--max-rank", "1", "--skip-undecomposable", "--json"];
        Outcome again = MergeEngineProcess.RunIn(_directory.Path, Extract("base+adapter", "base", "again")).Succeeded();
        Assert.Equal(1, again.Json().GetProperty("modules")[0].GetProperty("kept").GetDouble(), 1e-6);
        Outcome other = MergeEngineProcess.RunIn(_directory.Path, Extract("tuned/model.safetensors", "base/model.safetensors+adapter", "other")).Succeeded();
        Assert.Contains("note: The adapter is one for base/model.safetensors+adapter: PEFT needs that as one model", other.Error, StringComparison.Ordinal);
        foreach ((string left, string right) in new[] { ("base+again", "tuned"), ("base+adapter", "tuned") })
        {
            File.WriteAllText(_directory["r.yml"], $"merge_method: passthrough\nmodels: [{{model: {left}}}]\n");
            MergeEngineProcess.RunIn(_directory.Path, "merge", "r.yml", "merged", "--overwrite").Succeeded();
            // Half a unit in the last place of values up to 4, for each adapter.
            MergeEngineProcess.RunIn(_directory.Path, "diff", "merged", right, "--tolerance", "1e-6").Succeeded();
        }

        // What the adapter leaves of the difference is rounding of values up to 4, and a factor of it is no larger.
        using (SafetensorsFile nothing = SafetensorsFile.Open(_directory["other/adapter_model.safetensors"]))
            Assert.All(nothing.Tensors, t => Assert.All(nothing.ReadFloat32(t.Name), x => Assert.InRange(Math.Abs(x), 0, 2e-3)));
        MergeEngineProcess.RunIn(_directory.Path, [.. Extract("base+adapter", "base", "adapter"), "--overwrite"]).Refused(1, "adapter: is a model that this extraction reads");
        MergeEngineProcess.RunIn(_directory.Path, Extract("base+absent", "base", "new")).Refused(1, "The adapter \"absent\" does not exist");
        MergeEngineProcess.RunIn(_directory.Path, Extract("base+base", "base", "new")).Refused(1, "base: there is no adapter_config.json");
        MergeEngineProcess.RunIn(_directory.Path, Extract("adapter", "base", "new")).Refused(2, "The model \"adapter\" is an adapter, expected a whole model, or MODEL+ADAPTER.");
        MergeEngineProcess.RunIn(_directory.Path, Extract("base@main", "base", "new")).Refused(2, "names the revision \"main\"");
    }

    [Fact]
    public void What_is_wrong_is_one_sentence_and_leaves_nothing()
    {
        Run("-e", "(").Refused(2, "--exclude-regex", "regular expression");
        Run("--save-module", "nosuch").Refused(2, "tuned: no module is called \"nosuch\", as --save-module says, expected a name or last part such as \"q_proj\", \"norm\".");
        Assert.EndsWith(
            "merge-engine: there are 2 problems.\n  tuned: no module is called \"first\", as --save-module says, expected a name or last part such as \"q_proj\", \"norm\".\n  tuned: no module is called \"second\", as --save-module says, expected a name or last part such as \"q_proj\", \"norm\".\n",
            Run("--save-module", "first", "--save-module", "second").Refused(2).Error, StringComparison.Ordinal);
        Run("-e", "q_proj", "--skip-undecomposable").Refused(2, "tuned: no module is left whose difference from base could be decomposed with --exclude-regex \"q_proj\", expected options that leave one.");
        Run("-i", "nosuch").Refused(2, "with --include-regex \"nosuch\"");
        MergeEngineProcess.RunIn(_directory.Path, "extract-lora", "--model", "tuned+", "--base-model", "base", "--out-path", "adapter").Refused(2, "The model \"tuned+\"");
        Write("wide", new float[96], new float[6], 16);
        MergeEngineProcess.RunIn(_directory.Path, "extract-lora", "--model", "wide", "--base-model", "base", "--out-path", "adapter").Refused(2, "wide: the tensor", "has the shape [16, 6], expected [8, 6] as in base.");
        Directory.Delete(_directory["wide"], recursive: true);
        MergeEngineProcess.RunIn(_directory.Path, "extract-lora", "--model", "absent", "--base-model", "base", "--out-path", "adapter").Refused(1, "absent");
        MergeEngineProcess.RunIn(_directory.Path, "extract-lora", "--model", "tuned").Refused(2, "--base-model");
        Assert.Equal(["base", "tuned"], Directory.GetFileSystemEntries(_directory.Path).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal));
        Run("--max-rank", "2").Succeeded();
        Run().Refused(1, "adapter: exists already");
    }
}
