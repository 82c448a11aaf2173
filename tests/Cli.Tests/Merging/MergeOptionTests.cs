using System.Text.Json;
using MergeEngine.Cli.Tests.Support;

namespace MergeEngine.Cli.Tests.Merging;

/// <summary>The options of <c>merge</c>: mergekit's as they are, and what is wrong with others.</summary>
public sealed class MergeOptionTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public MergeOptionTests()
    {
        SmallModel.Write(_directory["a"], 1);
        _directory.Write("r.yml", "merge_method: passthrough\nmodels: [{model: a}]\n");
    }

    public void Dispose() => _directory.Dispose();

    /// <summary>Every option of mergekit-yaml and mergekit-multi 0.1.5, in both forms.</summary>
    [Fact]
    public void Every_option_of_mergekit_is_taken_and_those_without_effect_say_so_in_a_line_each()
    {
        string[] without =
        [
            "--allow-crimes", "--low-cpu-memory", "--no-clone-tensors", "--trust-remote-code", "--lazy-unpickle", "--safe-serialization", "--read-to-gpu", "--no-multi-gpu", "--async-write",
        ];
        Outcome outcome = Run([
            "r.yml", "out", .. without, "--transformers-cache", "c", "--lora-merge-cache=c", "--lora-merge-dtype", "float16", "--write-threads", "2", "--no-cuda", "--device", "cpu", "-j", "2",
            "--random-seed", "7", "--out-shard-size", "5B", "--copy-tokenizer", "--no-write-model-card", "--no-gpu-rich", "--no-unsafe-truncate-embeddings", "--lazy", "-I", "i",
            "-v", "-v", "--quiet",
        ]).Succeeded();
        string[] notes = [.. outcome.Error.Split('\n').Where(line => line.StartsWith("merge-engine: note: ", StringComparison.Ordinal))];
        Assert.Equal(without.Length + 4, notes.Length);
        Assert.All((string[])[.. without, "--transformers-cache", "--lora-merge-cache", "--lora-merge-dtype", "--write-threads"], option => Assert.Single(notes, n => n.Contains($"{option} has no effect: ", StringComparison.Ordinal)));
        Assert.False(File.Exists(_directory["out/README.md"]));
    }

    [Fact]
    public void Of_two_forms_of_a_flag_the_last_counts()
    {
        Run("r.yml", "with", "--no-write-model-card", "--write-model-card").Succeeded();
        Run("r.yml", "without", "--write-model-card", "--no-write-model-card").Succeeded();
        Assert.Equal((true, false), (File.Exists(_directory["with/README.md"]), File.Exists(_directory["without/README.md"])));
    }

    [Theory]
    [InlineData("'--no-such'", "r.yml", "out", "--no-such")]
    [InlineData("'-x'", "r.yml", "-x", "out")]
    [InlineData("a recipe is missing")]
    [InlineData("needs an output directory", "r.yml")]
    [InlineData("--out-path 'o' is given beside OUT 'out'", "r.yml", "out", "--out-path", "o")]
    [InlineData("--base stands in place of a recipe file", "r.yml", "out", "--base", "a")]
    [InlineData("expected --model at least once", "--method", "linear", "out")]
    [InlineData("expected OUT alone", "--method", "linear", "--model", "a", "r.yml", "out")]
    [InlineData("OUT is missing", "--method", "linear", "--model", "a")]
    [InlineData("--parameter is 'normalize', expected NAME=VALUE", "--method", "linear", "--model", "a=1", "--parameter", "normalize", "out")]
    [InlineData("--parameter is 'density=[0,\"\",1]', expected NAME=VALUE", "--method", "ties", "--base", "a", "--model", "a=1", "--parameter", "density=[0,\"\",1]", "out")]
    [InlineData("there is no method 'lineal'", "--method", "lineal", "--model", "a", "out")]
    [InlineData("needs 'weight' for 'a'", "--method", "linear", "--model", "a", "out")]
    [InlineData("--memory-limit is 'much', expected a number of bytes such as 512M", "r.yml", "out", "--memory-limit", "much")]
    [InlineData("--shard-size is '-1'", "r.yml", "out", "--shard-size", "-1")]
    [InlineData("--out-shard-size is '5GB', expected a whole number of bytes with K, M or B", "r.yml", "out", "--out-shard-size", "5GB")]
    [InlineData("are the same", "r.yml", "out", "--out-shard-size", "5B", "--shard-size", "5GB")]
    [InlineData("--resume needs the hashes", "r.yml", "out", "--resume", "--no-hash")]
    [InlineData("--device is 'xpu', expected cpu, cuda, cuda:N, auto, emulated or reference", "r.yml", "out", "--device", "xpu")]
    [InlineData("--layers is \"(\", expected a usable regular expression", "r.yml", "out", "--layers", "(")]
    [InlineData("an argument is empty", "r.yml", "")]
    [InlineData("an argument is empty", "--method", "linear", "--model", "a=1", "")]
    [InlineData("--method lineal: there is no method 'lineal'", "--method", "lineal", "--model", "a", "out")]
    [InlineData("--method ties takes differences from a base model, expected --base", "--method", "ties", "--model", "a=1", "out")]
    [InlineData("--base is empty, expected MODEL.", "--method", "linear", "--base", "", "--model", "a=1", "out")]
    [InlineData("--model a: 'linear' needs 'weight' for 'a'", "--method", "linear", "--model", "a=1", "--model", "a", "out")]
    [InlineData("--model a=[1,x]: 'weight' must be a number, found", "--method", "linear", "--model", "a=[1,x]", "out")]
    [InlineData("--model is 'a=[0,1', expected MODEL=WEIGHT with a number or a list of numbers from [ to ]", "--method", "linear", "--model", "a=[0,1", "out")]
    [InlineData("--parameter 'density=0.4' gives 'density' a second time, beside 'density=0.2', expected it once.", "--method", "ties", "--base", "a", "--model", "a=1", "--parameter", "density=0.2", "--parameter", "density=0.4", "out")]
    [InlineData("--parameter density=.inf: 'density' must be finite, found '.inf'.", "--method", "ties", "--base", "a", "--model", "a=1", "--parameter", "density=.inf", "out")]
    [InlineData("--parameter density=2: 'density' must be a number in [0, 1], found 2", "--method", "ties", "--base", "a", "--model", "a=1", "--parameter", "density=2", "out")]
    [InlineData("--dtype int8: 'dtype' must be one of", "--method", "linear", "--model", "a=1", "--dtype", "int8", "out")]
    [InlineData("--model: at 'model.embed.weight' the weights sum to 0", "--method", "linear", "--model", "a=1", "--model", "a=-1", "out")]
    [InlineData("--model: at 'model.embed.weight' the weights sum to more than a number can be", "--method", "linear", "--model", "a=1e308", "--model", "a=1e308", "out")]
    public void Wrong_arguments_end_with_2_and_one_sentence(string mention, params string[] arguments)
    {
        Run(arguments).Refused(2, mention);
        Assert.Equal(["a", "r.yml"], Directory.GetFileSystemEntries(_directory.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("r.yml/out", "is a file")]
    [InlineData("a/model.safetensors/x/y", "a/model.safetensors/x/y: cannot be written because ")]
    [InlineData("r.yml", "is a file")]
    [InlineData("/proc/out", "/proc/out: cannot be written because no directory can be made in /proc.")]
    public void A_place_where_no_directory_can_be_is_told_with_its_reason(string output, string mention)
    {
        Run("r.yml", output).Refused(1, mention);
        Run("r.yml", output, "--dry-run").Refused(1, mention);
    }

    [Theory]
    [InlineData("512M", "256m", "1.5GiB", "2GB", "1T")]
    public void Memory_is_given_in_the_usual_ways(params string[] limits)
    {
        foreach (string limit in limits) Run("r.yml", $"out-{limit}", "--memory-limit", limit).Succeeded();
    }

    /// <summary>One number: what the merge's note names, what the plan calls the least, and what the document has. The peak is never below it.</summary>
    [Fact]
    public void A_limit_below_the_least_that_can_be_kept_to_gets_a_note_with_the_figure_of_the_plan()
    {
        foreach (string limit in (string[])["1K", "63M"])
        {
            const string Note = "note: the program itself takes more than the memory limit of ", Keeps = " MiB allows; the merge keeps to about 65 MiB.";
            Assert.Matches($"{Note}[0-9]+{Keeps}", Run("r.yml", $"out-{limit}", "--memory-limit", limit).Succeeded().Output);
            string plan = Run("r.yml", "out", "--memory-limit", limit, "--dry-run").Succeeded().Output;
            Assert.Matches($"{Note}[0-9]+{Keeps}", plan);
            Assert.Matches("peak memory about 64.[0-9] MiB of .* allowed; the least that can be kept to is 64.[0-9] MiB", plan);
        }

        using JsonDocument json = JsonDocument.Parse(Run("r.yml", "out", "--dry-run", "--json").Succeeded().Output);
        JsonElement document = json.RootElement.GetProperty("documents")[0], totals = document.GetProperty("plan").GetProperty("totals");
        foreach (string figure in (string[])["peak_memory", "least_memory"])
        {
            Assert.InRange(totals.GetProperty(figure).GetInt64(), 64L << 20, 65L << 20);
            Assert.Equal(totals.GetProperty(figure).GetInt64(), document.GetProperty("estimate").GetProperty(figure).GetInt64());
        }

        Assert.DoesNotContain("the merge keeps to about", Run("r.yml", "out", "--memory-limit", "65M").Succeeded().Output, StringComparison.Ordinal);
    }

    [Fact]
    public void An_output_within_a_model_gets_a_note()
    {
        Assert.Contains($"a/sub: lies within {_directory["a"]}, a model that is read: ", Run("r.yml", "a/sub", "--dry-run").Succeeded().Output, StringComparison.Ordinal);
        Run("r.yml", "out").Succeeded();
        // A warning as others are, beside the result.
        string note = $"out/deep/sub: lies within {_directory["out"]}, a finished merge: ";
        Outcome outcome = Run("r.yml", "out/deep/sub").Succeeded();
        Assert.Contains($"merge-engine: note: {note}", outcome.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("lies within", outcome.Output, StringComparison.Ordinal);
        Outcome json = Run("r.yml", "out/deep/sub", "--overwrite", "--json").Succeeded();
        Assert.Contains($"merge-engine: note: {note}", json.Error, StringComparison.Ordinal);
        Assert.StartsWith(note, json.Json().GetProperty("merged")[0].GetProperty("notes").EnumerateArray().Last().GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void An_output_beside_a_lone_file_gets_none()
    {
        Directory.CreateDirectory(_directory["files"]);
        File.Copy(Path.Combine(_directory["a"], "model.safetensors"), _directory["files/weights.safetensors"]);
        _directory.Write("lone.yml", "merge_method: passthrough\nmodels:\n- model: files/weights.safetensors\n");
        Assert.DoesNotContain("lies within", Run("lone.yml", "files/merged", "--dry-run").Succeeded().Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_plan_leaves_no_file_behind()
    {
        string[] before = [.. Directory.EnumerateFileSystemEntries(_directory["."]).Order(StringComparer.Ordinal)];
        Run("r.yml", "planned", "--dry-run").Succeeded();
        Assert.Equal(before, Directory.EnumerateFileSystemEntries(_directory["."]).Order(StringComparer.Ordinal));
    }

    /// <summary>As a batch system sets it. The signal that comes with the failed write would end the process without a word.</summary>
    [Fact]
    public void A_limit_on_the_size_of_files_is_told_and_leaves_nothing()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Limits are set by a shell of Linux.");
        Assert.False(Directory.Exists(_directory["out"]));
        // Blocks of 512 bytes or of 1024: less than the weights either way.
        // The runtime maps its code twice through a file in memory, to which the limit would hold too.
        const string Limited = "ulimit -f 2; exec \"$0\" \"$@\"";
        Outcome outcome = MergeEngineProcess.RunThrough("sh", ["-c", Limited], _directory.Path, new() { ["DOTNET_EnableWriteXorExecute"] = "0" }, "merge", "r.yml", "out").Refused(1, "out: cannot be written");
        Assert.Contains("large", outcome.Error, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(Directory.GetFileSystemEntries(_directory.Path), entry => entry.EndsWith(".partial", StringComparison.Ordinal) || Path.GetFileName(entry) == "out");
    }

    [Fact]
    public void The_list_of_methods_names_their_parameters()
    {
        string list = Run("--list-methods").Succeeded().Output;
        Assert.Matches("(?m)^ties +mergekit +any number of models +required +normalize=true .*lambda=1 .*weight density=1$", list);
        Assert.True(Run("--list-methods", "--json").Succeeded().Json().GetProperty("methods").GetArrayLength() > 25);
    }

    private Outcome Run(params string[] arguments) => MergeEngineProcess.RunIn(_directory.Path, ["merge", .. arguments]);
}
