using System.Text.Json;
using MergeEngine.Cli.Tests.Support;
using MergeEngine.Merging.Streaming.Output;

namespace MergeEngine.Cli.Tests.Merging;

/// <summary>Recipes of several documents: results with names are found again where they are what the recipe and its inputs give, and only then.</summary>
public sealed class MergeDocumentTests : IDisposable
{
    private const string Text = """
        name: first
        merge_method: linear
        models:
          - {model: a, parameters: {weight: 1}}
          - {model: b, parameters: {weight: 3}}
        ---
        name: second
        merge_method: passthrough
        models: [{model: b}]
        --- # the result
        merge_method: slerp
        base_model: first
        models: [{model: first}, {model: second}]
        parameters: {t: 0.5}
        """;

    private readonly TemporaryDirectory _directory = new();

    public MergeDocumentTests()
    {
        SmallModel.Write(_directory["a"], 1);
        SmallModel.Write(_directory["b"], 2);
        _directory.Write("r.yml", Text);
    }

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Results_with_names_lie_beside_the_output_and_each_is_a_model()
    {
        Outcome outcome = Merge("out").Succeeded();
        Assert.Equal(["out-intermediate/first", "out-intermediate/second", "out"], outcome.Output.Split('\n').Where(l => l.Contains(" tensors", StringComparison.Ordinal)).Select(l => l.Split(':')[0]));
        foreach (string path in (string[])["out", "out-intermediate/first", "out-intermediate/second"]) Assert.Empty(OutputVerification.Run(_directory[path], 1).Differences);
        // A document's own text, so that another document's change does not make its result another; the result rests on all of them.
        Assert.Equal("name: second\nmerge_method: passthrough\nmodels: [{model: b}]\n", File.ReadAllText(_directory["out-intermediate/second/mergekit_config.yml"]).Replace("---\n", "", StringComparison.Ordinal));
        Assert.Equal(Text, File.ReadAllText(_directory["out/mergekit_config.yml"]));
        _directory.Write("one.yml", "merge_method: slerp\nbase_model: out-intermediate/first\nmodels: [{model: out-intermediate/first}, {model: out-intermediate/second}]\nparameters: {t: 0.5}\n");
        MergeEngineProcess.RunIn(_directory.Path, "merge", "one.yml", "one").Succeeded();
        SmallModel.AssertSameTensors(_directory["one"], _directory["out"]);
    }

    /// <summary>Before a model is opened: here there is none.</summary>
    [Fact]
    public void A_place_where_nothing_can_be_written_is_told_before_anything_is_planned()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Nothing can be made in /proc, by nobody.");
        foreach (string model in (string[])["a", "b"]) Directory.Delete(_directory[model], recursive: true);
        foreach (string[] more in (string[][])[[], ["--dry-run"]])
        {
            Merge("/proc/out", ["-I", "parts", .. more]).Refused(1, "/proc/out: cannot be written because no directory can be made in /proc.");
            Merge("out", ["-I", "/proc/parts", .. more]).Refused(1, "/proc/parts/first: cannot be written because no directory can be made in /proc.");
        }

        Assert.Equal(["r.yml"], Directory.GetFileSystemEntries(_directory.Path).Select(Path.GetFileName));
    }

    /// <summary>Documents are planned on stand-ins for those before them, whose place is of no use to anybody.</summary>
    [Fact]
    public void Notes_of_a_plan_name_results_by_the_places_where_they_will_be()
    {
        string plan = Merge("out", "--dry-run").Succeeded().Output;
        Assert.Contains("note: out-intermediate/first has no tokenizer to copy.", plan, StringComparison.Ordinal);
        Assert.DoesNotContain("merge-engine-plan-", plan, StringComparison.Ordinal);
        MergeEngineProcess.RunIn(_directory.Path, new Dictionary<string, string> { ["TMPDIR"] = _directory["nowhere"], ["TMP"] = _directory["nowhere"] }, "merge", "r.yml", "out", "--dry-run")
            .Refused(1, "nowhere", "no directory for temporary files can be made here");
    }

    [Fact]
    public void What_is_finished_is_found_again()
    {
        Merge("out", "-I", "parts").Succeeded();
        DateTime written = File.GetLastWriteTimeUtc(_directory["parts/first/model.safetensors"]);
        JsonElement[] again = Merged("again", "-I", "parts");
        Assert.Equal([true, true, false], again.Select(m => m.GetProperty("was_finished").GetBoolean()));
        Assert.Equal(written, File.GetLastWriteTimeUtc(_directory["parts/first/model.safetensors"]));
        SmallModel.AssertSameTensors(_directory["out"], _directory["again"]);
        Assert.Equal([false, false, false], Merged("anew", "-I", "parts", "--no-lazy").Select(m => m.GetProperty("was_finished").GetBoolean()));
        SmallModel.AssertSameTensors(_directory["out"], _directory["anew"]);
    }

    /// <summary>An adapter's config decides what its factors add; the weights that are read are the same.</summary>
    [Fact]
    public void A_result_of_an_adapter_with_another_config_is_not_taken()
    {
        MergeEngineProcess.RunIn(_directory.Path, "extract-lora", "--model", "a", "--base-model", "b", "--out-path", "adapter", "--max-rank", "2").Succeeded();
        string[] merge = ["merge", "--method", "passthrough", "--model", "b+adapter", "out", "--resume"];
        MergeEngineProcess.RunIn(_directory.Path, merge).Succeeded();
        Assert.True(MergeEngineProcess.RunIn(_directory.Path, [.. merge, "--json"]).Succeeded().Json().GetProperty("merged")[0].GetProperty("was_finished").GetBoolean());
        string config = _directory["adapter/adapter_config.json"], text = File.ReadAllText(config);
        File.WriteAllText(config, text.Replace("\"lora_alpha\": 2", "\"lora_alpha\": 6", StringComparison.Ordinal));
        Assert.NotEqual(text, File.ReadAllText(config));
        MergeEngineProcess.RunIn(_directory.Path, merge).Refused(1, "out: was merged with other options (adapter-and-tokenizer-files); --overwrite merges it anew");
    }

    /// <summary>mergekit-multi takes any directory with a config and weights for finished.</summary>
    [Theory]
    [InlineData("recipe", "was merged with another recipe")]
    [InlineData("input", "was merged before its input a/model.safetensors was changed")]
    [InlineData("output", "is not as it was written: \"model.safetensors\" has another SHA-256")]
    [InlineData("manifest", "has no manifest that this version can read")]
    [InlineData("seed", "was merged with another seed")]
    [InlineData("shards", "has other tensors, dtypes or shard sizes")]
    public void What_is_not_the_same_is_not_taken(string change, string reason)
    {
        Merge("out", "-I", "parts").Succeeded();
        string[] options = [];
        switch (change)
        {
            case "recipe":
                _directory.Write("r.yml", Text.Replace("weight: 3", "weight: 4", StringComparison.Ordinal));
                break;
            case "input":
                Flip("a/model.safetensors");
                break;
            case "output":
                Flip("parts/first/model.safetensors");
                break;
            case "manifest":
                File.Delete(_directory["parts/first/merge-manifest.json"]);
                break;
            case "seed":
                options = ["--seed", "5"];
                break;
            default:
                options = ["--shard-size", "7KB"];
                break;
        }

        Merge("again", ["-I", "parts", .. options]).Refused(1, $"parts/first: {reason}", "--overwrite merges it anew");
        Assert.False(Directory.Exists(_directory["again"]));
        Merge("again", ["-I", "parts", "--overwrite", .. options]).Succeeded();
        Merge("whole", ["-I", "other", .. options]).Succeeded();
        SmallModel.AssertSameTensors(_directory["whole"], _directory["again"]);
    }

    [Fact]
    public void What_is_wrong_with_the_last_document_is_told_before_the_first_is_merged()
    {
        SmallModel.Write(_directory["wide"], 5, scale: 2);
        _directory.Write("r.yml", Text.Replace("models: [{model: first}, {model: second}]", "models: [{model: first}, {model: wide}]", StringComparison.Ordinal));
        Outcome outcome = Merge("out").Refused(2, "there are 3 problems");
        Assert.Contains("as in first.", outcome.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_directory["out-intermediate"]));
    }

    [Theory]
    [InlineData("out", "out", "out/first")]
    [InlineData("out", "./out/parts", "./out/parts/first")]
    [InlineData("parts/first", "parts", "parts/first")]
    [InlineData("parts/first/out", "parts", "parts/first")]
    [InlineData("out", "link", "link/first")]
    public void Intermediate_results_that_would_be_in_the_outputs_way_are_refused_at_once(string output, string parts, string place)
    {
        if (parts == "link") Directory.CreateSymbolicLink(_directory["link"], _directory["out"]);
        string[] before = Directory.GetFileSystemEntries(_directory.Path);
        foreach (string[] more in (string[][])[[], ["--overwrite"], ["--dry-run"]])
            Merge(output, ["-I", parts, .. more]).Refused(2, $"r.yml:1:1: the result of the document 'first' goes to {place} and that of the recipe to {output}, expected directories of which neither holds the other.");
        Assert.Equal(before.Order(StringComparer.Ordinal), Directory.GetFileSystemEntries(_directory.Path).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_output_may_lie_beside_intermediate_results() => Merge("parts/out", "-I", "parts").Succeeded();

    [Fact]
    public void A_dry_run_plans_all_documents_from_headers()
    {
        string text = Merge("out", "--dry-run").Succeeded().Output;
        Assert.Equal(3, text.Split('\n').Count(l => l.StartsWith("== ", StringComparison.Ordinal)));
        Assert.Contains("[0] out-intermediate/first: 6 tensors in 1 file", text, StringComparison.Ordinal);
        Assert.Equal(["a", "b", "r.yml"], Directory.GetFileSystemEntries(_directory.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    private Outcome Merge(string output, params string[] options) => MergeEngineProcess.RunIn(_directory.Path, ["merge", "r.yml", output, .. options]);

    private JsonElement[] Merged(string output, params string[] options) => [.. Merge(output, [.. options, "--json"]).Succeeded().Json().GetProperty("merged").EnumerateArray()];

    private void Flip(string file)
    {
        byte[] bytes = File.ReadAllBytes(_directory[file]);
        bytes[^1] ^= 1;
        File.WriteAllBytes(_directory[file], bytes);
    }
}
