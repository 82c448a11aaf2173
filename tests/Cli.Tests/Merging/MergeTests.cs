using System.Diagnostics;
using System.Text.Json;
using MergeEngine.Cli.Tests.Support;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Tests.Merging;

/// <summary><c>merge</c> on small models that are made here.</summary>
public sealed class MergeTests : IDisposable
{
    private const string Linear = "merge_method: linear\nmodels:\n  - {model: a, parameters: {weight: 0.75}}\n  - {model: b, parameters: {weight: 0.25}}\n";

    private readonly TemporaryDirectory _directory = new();

    public MergeTests()
    {
        SmallModel.Write(_directory["a"], 1);
        SmallModel.Write(_directory["b"], 2);
        SmallModel.Write(_directory["base"], 3);
        _directory.Write("r.yml", Linear);
    }

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Two_models_become_a_directory_with_weights_config_card_and_manifest()
    {
        Outcome outcome = Merge("r.yml", "out").Succeeded();
        Assert.StartsWith("note: a has no tokenizer to copy.\nout: 6 tensors, 18.8 KiB in 1 file; linear, ", outcome.Output, StringComparison.Ordinal);
        Assert.Equal(["README.md", "config.json", "merge-manifest.json", "mergekit_config.yml", "model.safetensors"], Files("out"));
        Assert.Equal(Linear, File.ReadAllText(_directory["out/mergekit_config.yml"]));
        Assert.Empty(OutputVerification.Run(_directory["out"], 1).Differences);
        using Checkpoint merged = Checkpoint.Open(_directory["out"]), a = Checkpoint.Open(_directory["a"]), b = Checkpoint.Open(_directory["b"]);
        foreach (string name in merged.Names)
        {
            float[] found = merged.ReadFloat32(name), x = a.ReadFloat32(name), y = b.ReadFloat32(name);
            // Products by 0.75 and 0.25 and their sum are rounded, each by half a unit of a number below 1.
            for (int i = 0; i < found.Length; i++) Assert.Equal((0.75 * x[i]) + (0.25 * y[i]), found[i], 1.5e-7);
        }
    }

    [Fact]
    public void Shards_in_and_out_change_no_bit()
    {
        SmallModel.Write(_directory["as"], 1, sharded: true);
        _directory.Write("s.yml", Linear.Replace("model: a", "model: as", StringComparison.Ordinal));
        Merge("r.yml", "one").Succeeded();
        Merge("s.yml", "many", "--out-shard-size", "7K").Succeeded();
        Merge("s.yml", "some", "--shard-size", "14KB", "--threads", "1", "--memory-limit", "256M").Succeeded();
        Assert.True(Files("many").Count(f => f.EndsWith(".safetensors", StringComparison.Ordinal)) > Files("some").Count(f => f.EndsWith(".safetensors", StringComparison.Ordinal)));
        Assert.Contains("model.safetensors.index.json", Files("some"));
        SmallModel.AssertSameTensors(_directory["one"], _directory["many"]);
        SmallModel.AssertSameTensors(_directory["one"], _directory["some"]);
    }

    [Fact]
    public void Half_precision_is_computed_in_float32_and_rounded_once()
    {
        SmallModel.Write(_directory["ah"], 1, DType.BF16);
        SmallModel.Write(_directory["bh"], 2, DType.BF16);
        Run("merge", "--method", "linear", "--model", "ah=0.5", "--model", "bh=0.5", "out").Succeeded();
        using Checkpoint merged = Checkpoint.Open(_directory["out"]), a = Checkpoint.Open(_directory["ah"]), b = Checkpoint.Open(_directory["bh"]);
        foreach (string name in merged.Names)
        {
            Assert.Equal(DType.BF16, merged[name].DType);
            float[] x = a.ReadFloat32(name), y = b.ReadFloat32(name);
            // Halves and their sum are exact in float32.
            Assert.Equal(x.Zip(y, (p, q) => (float)(BFloat16)((p + q) / 2)), merged.ReadFloat32(name));
        }
    }

    [Fact]
    public void Options_make_the_same_model_as_a_recipe()
    {
        _directory.Write("t.yml", "merge_method: ties\nbase_model: base\nmodels:\n  - {model: a, parameters: {weight: 0.5}}\n  - {model: b, parameters: {weight: [0.2, 1]}}\nparameters: {density: 0.4}\ndtype: bfloat16\n");
        Merge("t.yml", "recipe").Succeeded();
        Run("merge", "--method=ties", "--base", "base", "--model", "a=0.5", "--model=b=[0.2,1]", "--parameter", "density=0.4", "--dtype", "bfloat16", "options").Succeeded();
        SmallModel.AssertSameTensors(_directory["recipe"], _directory["options"]);
        Assert.Equal("merge_method: ties", RecipeOf("options").RootElement.GetProperty("recipe").GetString()!.Split('\n')[0]);
    }

    [Fact]
    public void A_path_that_ends_like_a_weight_is_a_path_where_it_exists()
    {
        SmallModel.Write(_directory["lr=0.5"], 4);
        Run("merge", "--method", "passthrough", "--model", "lr=0.5", "out").Succeeded();
        SmallModel.AssertSameTensors(_directory["lr=0.5"], _directory["out"]);
    }

    [Fact]
    public void An_output_that_exists_is_replaced_only_when_that_is_asked_for()
    {
        Merge("r.yml", "out").Succeeded();
        byte[] before = File.ReadAllBytes(_directory["out/merge-manifest.json"]);
        Merge("r.yml", "out").Refused(1, "out: exists already", "--overwrite");
        Assert.Equal(before, File.ReadAllBytes(_directory["out/merge-manifest.json"]));
        Merge("r.yml", "out", "--overwrite", "--out-shard-size", "7K").Succeeded();
        Assert.Contains("model.safetensors.index.json", Files("out"));
    }

    [Fact]
    public void What_goes_with_an_older_model_that_no_merge_wrote_is_told()
    {
        SmallModel.Write(_directory["older"], 5);
        foreach (string name in (string[])["pytorch_model.bin", "training_args.bin", "config.json"]) _directory.Write($"older/{name}", "{}");
        const string Note = "older: --overwrite removes \"pytorch_model.bin\", \"training_args.bin\", in whose place the new model has no file.";
        Assert.Contains(Note, Merge("r.yml", "older", "--overwrite", "--dry-run").Succeeded().Output, StringComparison.Ordinal);
        Assert.True(File.Exists(_directory["older/pytorch_model.bin"]));
        Outcome outcome = Merge("r.yml", "older", "--overwrite").Succeeded();
        Assert.Contains(Note, outcome.Output + outcome.Error, StringComparison.Ordinal);
        // What a merge has written is its own.
        outcome = Merge("r.yml", "older", "--overwrite", "--out-shard-size", "7K").Succeeded();
        Assert.DoesNotContain("--overwrite removes", outcome.Output + outcome.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("lone")]
    [InlineData("link")]
    public void A_model_that_is_read_is_never_replaced(string output)
    {
        SmallModel.Write(_directory["lone"], 5);
        Directory.CreateSymbolicLink(_directory["link"], _directory["lone"]);
        string[] before = Files("lone");
        foreach (string model in (string[])["lone", "link", "lone/model.safetensors"])
        {
            foreach (string[] more in (string[][])[["--overwrite"], ["--overwrite", "--dry-run"]])
                Run(["merge", "--method", "passthrough", "--model", model, output, .. more]).Refused(1, $"{output}: is a model that this merge reads");
        }

        Assert.Equal(before, Files("lone"));
    }

    [Theory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    [InlineData("HUP", 129)]
    public void A_stop_does_not_wait_for_a_recipe_that_never_comes(string signal, int code)
    {
        using Process process = MergeEngineProcess.Start(_directory.Path, "merge", "-", "out", "--allow-crimes");
        // It speaks of the option before it reads the recipe.
        Assert.Contains("--allow-crimes", process.StandardError.ReadLine(), StringComparison.Ordinal);
        MergeEngineProcess.Interrupt(process, signal);
        Assert.True(process.WaitForExit(TimeSpan.FromMinutes(1)), "it still waits");
        Assert.Equal((code, "merge-engine: stopped."), (process.ExitCode, process.StandardError.ReadToEnd().Trim()));
    }

    [Fact]
    public void A_dry_run_shows_every_tensor_and_writes_nothing()
    {
        string[] before = Files(".");
        Outcome text = Merge("r.yml", "out", "--dry-run").Succeeded();
        foreach (string expected in (string[])["linear (mergekit), 2 inputs:", "model.layers.1.mlp.weight", "[0] weight=0.75; [1] weight=0.25", "6 tensors, 6 merged", "peak memory", "to read", "at the disk's rate"])
            Assert.Contains(expected, text.Output, StringComparison.Ordinal);
        JsonElement json = Merge("r.yml", "out", "--dry-run", "--json").Succeeded().Json();
        JsonElement document = json.GetProperty("documents")[0];
        Assert.Equal(6, document.GetProperty("plan").GetProperty("tensors").GetArrayLength());
        Assert.True(document.GetProperty("estimate").GetProperty("read_bytes").GetInt64() > 0);
        Assert.True(json.GetProperty("disk").GetProperty("read_bytes_per_second").GetDouble() > 0);
        Assert.Equal(before, Files("."));
    }

    [Fact]
    public void A_result_is_one_json_document_with_what_was_written()
    {
        JsonElement merged = Merge("r.yml", "out", "--json").Succeeded().Json().GetProperty("merged")[0];
        Assert.Equal(("out", 6, "linear"), (merged.GetProperty("path").GetString(), merged.GetProperty("tensors").GetInt32(), merged.GetProperty("method").GetString()));
        Assert.Equal(merged.GetProperty("bytes").GetInt64(), merged.GetProperty("written_bytes").GetInt64());
        Assert.Equal(2 * merged.GetProperty("bytes").GetInt64(), merged.GetProperty("read_bytes").GetInt64());
    }

    /// <summary>The stages' times add up to those of the threads, and their bytes are those that the merge has moved: a byte from or to a file is copied.</summary>
    [Fact]
    public void A_profile_tells_where_the_time_went()
    {
        Outcome outcome = Merge("r.yml", "out", "--profile", "--json", "--threads", "1").Succeeded();
        JsonElement merged = outcome.Json().GetProperty("merged")[0], profile = merged.GetProperty("profile");
        Dictionary<string, JsonElement> stages = profile.GetProperty("stages").EnumerateArray().ToDictionary(s => s.GetProperty("stage").GetString()!);
        foreach (string stage in (string[])["planning", "opening", "reading", "hashing_inputs", "merging", "checking", "writing", "hashing_outputs", "syncing", "finishing", "waiting"])
            Assert.Contains(stage, stages.Keys);
        Assert.Equal("linear", stages["merging"].GetProperty("method").GetString());
        long read = merged.GetProperty("read_bytes").GetInt64(), written = merged.GetProperty("written_bytes").GetInt64();
        // One pass, and each byte of the models' tensors once.
        using (Checkpoint a = Checkpoint.Open(_directory["a"])) Assert.Equal(2 * a.Names.Sum(n => a[n].ByteLength), read);
        Assert.Equal(read, stages["reading"].GetProperty("bytes").GetInt64());
        // Headers too, and every byte once.
        Assert.Equal(((string[])["a", "b"]).Sum(m => new FileInfo(_directory[$"{m}/model.safetensors"]).Length), stages["hashing_inputs"].GetProperty("bytes").GetInt64());
        Assert.True(stages["writing"].GetProperty("bytes").GetInt64() > written);
        Assert.Equal(read + written, stages["merging"].GetProperty("bytes").GetInt64());
        // One thread does one thing after the other, so nothing is counted twice.
        Assert.Equal(profile.GetProperty("seconds").GetDouble(), stages.Values.Sum(s => s.GetProperty("seconds").GetDouble()), 1e-6);
        Assert.True(profile.GetProperty("copy_gbps").GetDouble() > 0);
        foreach (string line in (string[])["merging by linear", "hashing inputs", "syncing", "waiting", "a copy moves"]) Assert.Contains(line, outcome.Error, StringComparison.Ordinal);
        Outcome plain = Merge("r.yml", "plain", "--json").Succeeded();
        Assert.False(plain.Json().GetProperty("merged")[0].TryGetProperty("profile", out _));
        Assert.DoesNotContain("a copy moves", plain.Error, StringComparison.Ordinal);
        SmallModel.AssertSameTensors(_directory["plain"], _directory["out"]);
    }

    [Fact]
    public void A_recipe_comes_from_standard_input_too()
    {
        using System.Diagnostics.Process process = MergeEngineProcess.Start(_directory.Path, "merge", "-", "out");
        process.StandardInput.Write(Linear);
        process.StandardInput.Close();
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, error);
        Merge("r.yml", "file").Succeeded();
        SmallModel.AssertSameTensors(_directory["file"], _directory["out"]);
    }

    [Fact]
    public void Notes_beside_the_weights_do_not_go_with_an_older_output()
    {
        Merge("r.yml", "out").Succeeded();
        File.WriteAllText(_directory["out/results.json"], "{}");
        Merge("r.yml", "out", "--overwrite").Refused(1, "out: holds \"results.json\", which the merge that wrote the directory did not write");
        File.Delete(_directory["out/merge-manifest.json"]);
        Merge("r.yml", "out", "--overwrite").Succeeded();
        File.Delete(_directory["out/merge-manifest.json"]);
        File.WriteAllText(_directory["out/notes.txt"], "mine");
        Merge("r.yml", "out", "--overwrite").Refused(1, "out: holds \"notes.txt\", which is no file of a model");
        Assert.Equal("mine", File.ReadAllText(_directory["out/notes.txt"]));
    }

    [Fact]
    public void A_filter_without_a_tensor_is_a_note_with_its_line()
    {
        _directory.Write("f.yml", "merge_method: linear\nmodels:\n  - model: a\n    parameters:\n      weight:\n        - {filter: mpl, value: 3}\n        - {filter: mlp, value: 2}\n        - {value: 1}\n");
        const string Note = "note: f.yml:6:11: the filter \"mpl\" of 'weight' matches no tensor, so its entry has no effect.\n";
        Assert.Contains(Note, Merge("f.yml", "out", "--dry-run").Succeeded().Output, StringComparison.Ordinal);
        string output = Merge("f.yml", "out").Succeeded().Output;
        Assert.Contains(Note, output, StringComparison.Ordinal);
        Assert.DoesNotContain("\"mlp\"", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_problem_of_a_plan_is_told_in_one_list()
    {
        SmallModel.Write(_directory["wide"], 5, scale: 2);
        _directory.Write("w.yml", Linear.Replace("model: b", "model: wide", StringComparison.Ordinal));
        Outcome outcome = Merge("w.yml", "out").Refused(2, "there are 3 problems");
        Assert.Equal(3, outcome.Error.Split('\n').Count(line => line.StartsWith("  wide: the tensor ", StringComparison.Ordinal)));
        Assert.False(Directory.Exists(_directory["out"]));
    }

    private Outcome Merge(string recipe, string output, params string[] options) => Run(["merge", recipe, output, .. options]);

    private Outcome Run(params string[] arguments) => MergeEngineProcess.RunIn(_directory.Path, arguments);

    private string[] Files(string name) => [.. Directory.GetFileSystemEntries(_directory[name]).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];

    private JsonDocument RecipeOf(string name) => JsonDocument.Parse(File.ReadAllBytes(_directory[$"{name}/merge-manifest.json"]));
}
