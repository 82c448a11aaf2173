using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using MergeEngine.Cli.Tests.Support;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Tests.Commands;

public sealed partial class ExperimentTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void An_experiment_prints_one_document_and_leaves_results_and_report()
    {
        JsonElement result = Run("out", "--json").Json();
        string[] methods = [.. result.GetProperty("methods").EnumerateArray().Select(m => m.GetProperty("name").GetString()!)];
        Assert.Equal(["pretrained", "individual", "average", "task-arithmetic", "tatr", "atm-2x1", "atm-momentum", "joint"], methods);
        Assert.Equal(5, result.GetProperty("seed").GetInt32());
        Assert.All(result.GetProperty("methods").EnumerateArray(), m =>
        {
            double[] accuracy = [.. m.GetProperty("accuracy").EnumerateObject().Select(a => a.Value.GetDouble())];
            Assert.Equal(2, accuracy.Length);
            Assert.Equal(accuracy.Average(), m.GetProperty("average").GetDouble(), 1e-9);
        });
        Assert.Equal(["report.html", "results.json"], Directory.GetFileSystemEntries(directory["out"]).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        string page = File.ReadAllText(directory["out/report.html"]);
        Assert.Contains("miniature", page, StringComparison.Ordinal);
        // The chart of what the trust region drops names the first ρ of the file, not the one that the search chose.
        Assert.Equal(0.99, result.GetProperty("analysis").GetProperty("dropped_rho").GetDouble());
        Assert.Contains("of each layer, at ρ = 0.99", page, StringComparison.Ordinal);
    }

    [Fact]
    public void A_dry_run_plans_says_what_is_missing_and_writes_nothing()
    {
        string file = MiniatureExperiment.Write(directory);
        File.Delete(directory["2.safetensors"]);
        string text = MergeEngineProcess.Run("experiment", file, directory["out"], "--dry-run").Succeeded().Output;
        Assert.Contains("task-arithmetic: as many steps as the data has, chosen of 2 on validation", text, StringComparison.Ordinal);
        Assert.Contains("atm-momentum: 8 steps a task", text, StringComparison.Ordinal);
        Assert.Contains($"missing: {directory["2.safetensors"]}", text, StringComparison.Ordinal);
        JsonElement plan = MergeEngineProcess.Run("experiment", file, directory["out"], "--dry-run", "--json", "--seed", "9").Succeeded().Json();
        Assert.Equal(9, plan.GetProperty("seed").GetInt32());
        Assert.Equal([directory["2.safetensors"]], plan.GetProperty("missing").EnumerateArray().Select(path => path.GetString()));
        Assert.False(Directory.Exists(directory["out"]));
    }

    [Fact]
    public void Two_runs_give_the_same_results_whatever_the_threads_and_another_seed_gives_others()
    {
        Run("a", "--threads", "1");
        Run("b", "--threads", "2");
        Run("c", "--threads", "2", "--seed", "6");
        Assert.Equal(Results("a"), Results("b"));
        Assert.NotEqual(Results("a"), Results("c"));
    }

    [Fact]
    public void The_table_has_a_row_a_method_and_a_column_a_task()
    {
        string[] lines = Run("out").Output.Split('\n');
        Assert.Equal(["method", "0", "2", "average", "seconds"], lines[1].Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains(lines, line => line.StartsWith("atm-momentum ", StringComparison.Ordinal));
    }

    [Fact]
    public void Alternating_tuning_saves_the_merged_model()
    {
        string file = MiniatureExperiment.Write(directory);
        JsonElement result = MergeEngineProcess.Run("atm", file, directory["out"], "--json").Succeeded().Json();
        Assert.Equal("atm-2x1", Assert.Single(result.GetProperty("methods").EnumerateArray()).GetProperty("name").GetString());
        using SafetensorsFile merged = SafetensorsFile.Open(directory["out/model.safetensors"]), start = SafetensorsFile.Open(Repository.Fixture("tatr", "base", "model.safetensors"));
        Assert.Equal(start.Tensors.Select(t => t.Name), merged.Tensors.Select(t => t.Name));
        Assert.NotEqual(start.ReadFloat32("layernorm.weight"), merged.ReadFloat32("layernorm.weight"));
        MergeEngineProcess.Run("inspect", directory["out"]).Succeeded();
    }

    [Theory]
    [InlineData("methods: [pretrained]", "tasks")]
    [InlineData("methods: [pretrained\n", "miniature.yml")]
    [InlineData("learning_rate: fast", "learning_rate")]
    [InlineData("unknown: 1", "unknown")]
    public void A_wrong_experiment_file_is_a_usage_error_with_its_place(string fault, string mention)
    {
        string text = fault.StartsWith("methods", StringComparison.Ordinal) ? $"name: x\nmodel: MODEL\n{fault}" : MiniatureExperiment.Text.Replace("learning_rate: 1.0e-3", fault, StringComparison.Ordinal);
        MergeEngineProcess.Run("experiment", MiniatureExperiment.Write(directory, text), directory["out"]).Refused(2, "miniature.yml", mention);
        Assert.False(Directory.Exists(directory["out"]));
    }

    [Theory]
    [InlineData("seed: 5", "sed: 5", "no option 'sed'")]
    [InlineData("model: MODEL", "modle: MODEL", "no option 'modle'")]
    [InlineData("seed: 5", "seed: 18446744073709551616", "'seed' must be a whole number")]
    [InlineData("tuning: {", "tuning: {{", "not YAML")]
    [InlineData("  - individual", "  - ties: { density: 0 }", "'density' must be above 0 and at most 1")]
    [InlineData("  - individual", "  - individual\n  - individual", "'individual' occurs twice")]
    [InlineData("  - joint", "  - atm-post-hoc: { start: atm-post-hoc }", "expected the row of one model above this one")]
    [InlineData("  - joint", "  - atm-post-hoc: { start: individual }", "expected the row of one model above this one")]
    [InlineData("  - joint", "  - atm-post-hoc: { start: ties }", "expected the row of one model above this one")]
    public void A_fault_of_the_file_is_found_before_the_work(string right, string wrong, string mention)
    {
        string text = MiniatureExperiment.Text.Replace(right, wrong, StringComparison.Ordinal);
        MergeEngineProcess.Run("experiment", MiniatureExperiment.Write(directory, text), directory["out"]).Refused(2, "miniature.yml:", mention);
    }

    [Fact]
    public void Two_methods_of_one_kind_have_names_of_their_own()
    {
        string text = MiniatureExperiment.Text.Split("methods:")[0] + """
            methods:
              - tatr: { rho: 0.9, samples: 8 }
              - tatr: { name: gentle, lambda: 0, samples: 8 }
              - atm-post-hoc: { rounds: 1, start: gentle }
              - pretrained
            """;
        JsonElement result = MergeEngineProcess.Run("experiment", MiniatureExperiment.Write(directory, text), directory["out"], "--json").Succeeded().Json();
        JsonElement[] rows = [.. result.GetProperty("methods").EnumerateArray()];
        Assert.Equal(["tatr", "gentle", "atm-post-hoc", "pretrained"], rows.Select(row => row.GetProperty("name").GetString()));
        // λ = 0 is the pre-trained model, and that is what the post-hoc rounds begin with.
        Assert.Equal(rows[3].GetProperty("average").GetDouble(), rows[1].GetProperty("average").GetDouble());
        Assert.Equal(0, result.GetProperty("rounds")[0].GetProperty("norm")[0].GetDouble());
    }

    [Fact]
    public void A_result_with_numbers_that_are_none_is_read_again_and_no_chart_shows_them()
    {
        string text = MiniatureExperiment.Text.Split("methods:")[0] + "methods: [pretrained, atm]";
        JsonElement result = MergeEngineProcess.Run("experiment", MiniatureExperiment.Write(directory, text), directory["out"], "--json").Succeeded().Json();
        string norm = result.GetProperty("rounds")[0].GetProperty("norm")[1].GetRawText();
        string json = File.ReadAllText(directory["out/results.json"]);
        Assert.Contains(norm, json, StringComparison.Ordinal);
        File.WriteAllText(directory["out/results.json"], json.Replace(norm, "\"NaN\"", StringComparison.Ordinal));
        MergeEngineProcess.Run("report", directory["out"], "--html", directory["again.html"]).Succeeded();
        Assert.DoesNotContain("NaN", File.ReadAllText(directory["again.html"]), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("atm", "1.0e+30", "atm-2x1, task 0: the training loss is not a number from step 2 on, so nothing is written; expected finite weights and a learning rate that does not diverge.")]
    [InlineData("atm", "1.0e+60", "atm-2x1, task 0: step 1 made weights that are not numbers, so nothing is written; expected a learning rate that does not diverge.")]
    public void Alternating_training_that_diverges_fails_and_writes_nothing(string command, string rate, string sentence)
    {
        string text = MiniatureExperiment.Text.Replace("learning_rate: 1.0e-3, batch_size: 8", $"learning_rate: {rate}, batch_size: {(rate == "1.0e+60" ? 16 : 8)}", StringComparison.Ordinal);
        string file = MiniatureExperiment.Write(directory, text);
        Directory.CreateDirectory(directory["temporary"]);
        var environment = new Dictionary<string, string> { ["TMPDIR"] = directory["temporary"] };
        MergeEngineProcess.RunWith(environment, command, file, directory["out"]).Refused(1, sentence);
        Assert.Empty(Directory.GetFileSystemEntries(directory["temporary"]));
        Assert.Equal(["0.safetensors", "2.safetensors", "miniature.yml", "temporary"], Entries());
    }

    /// <summary>Hours of other rows are not lost with the one that diverges: it is marked wherever its figures would be.</summary>
    [Fact]
    public void A_row_that_diverges_is_marked_the_others_are_written_and_the_exit_code_is_1()
    {
        string text = MiniatureExperiment.Text.Replace("- joint", "- joint: { learning_rate: 1.0e+30 }", StringComparison.Ordinal);
        Outcome outcome = MergeEngineProcess.Run("experiment", MiniatureExperiment.Write(directory, text), directory["out"]);
        Assert.Equal(1, outcome.Code);
        Assert.Contains("merge-engine: the row joint has no figures because training diverged; 'results.json' says where.", outcome.Error, StringComparison.Ordinal);
        string[] lines = outcome.Output.Split('\n');
        Assert.Equal(["joint", "–", "–", "diverged"], Assert.Single(lines, line => line.StartsWith("joint ", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[..4]);
        const string Sentence = "joint, task 0: the training loss is not a number from step 2 on; expected finite weights and a learning rate that does not diverge.";
        Assert.Contains($"diverged (joint): {Sentence}", lines);

        JsonElement result = JsonDocument.Parse(File.ReadAllText(directory["out/results.json"])).RootElement;
        JsonElement[] rows = [.. result.GetProperty("methods").EnumerateArray()];
        Assert.Equal((JsonValueKind.Null, JsonValueKind.Null, Sentence), (rows[^1].GetProperty("average").ValueKind, rows[^1].GetProperty("accuracy").GetProperty("2").ValueKind, rows[^1].GetProperty("diverged").GetString()));
        Assert.All(rows[..^1], row => Assert.Equal((JsonValueKind.Number, false), (row.GetProperty("average").ValueKind, row.TryGetProperty("diverged", out _))));
        Assert.Equal(JsonValueKind.Object, result.GetProperty("analysis").ValueKind);
        string page = File.ReadAllText(directory["out/report.html"]);
        Assert.Contains($"Diverged (joint): {Sentence}", page, StringComparison.Ordinal);
        Assert.Matches("<th scope=\"row\">joint</th><td class=\"n\">–</td><td class=\"n\">–</td><td class=\"n average\"[^>]*>diverged</td>", page);
        Assert.DoesNotContain("NaN", page, StringComparison.Ordinal);
        Assert.Equal(outcome.Output, MergeEngineProcess.Run("report", directory["out"]).Succeeded().Output);
    }

    [Fact]
    public void Rows_that_need_a_model_that_diverged_are_marked_in_the_document_too()
    {
        string text = MiniatureExperiment.Text.Replace("learning_rate: 1.0e-3", "learning_rate: 1.0e+30", StringComparison.Ordinal);
        Outcome outcome = MergeEngineProcess.Run("experiment", MiniatureExperiment.Write(directory, text), directory["out"], "--json");
        Assert.Equal(1, outcome.Code);
        JsonElement result = outcome.Json();
        string?[] sentences = [.. result.GetProperty("methods").EnumerateArray().Select(m => m.TryGetProperty("diverged", out JsonElement sentence) ? sentence.GetString()!.Split(':')[0] : null)];
        const string Individual = "individual, task 0";
        Assert.Equal((string?[])[null, Individual, Individual, Individual, Individual, "atm-2x1, task 0", "atm-momentum, task 0", "joint, task 0"], sentences);
        Assert.All(result.GetProperty("fixed_coefficient").GetProperty("methods").EnumerateArray(), m => Assert.StartsWith(Individual, m.GetProperty("diverged").GetString(), StringComparison.Ordinal));
        Assert.Equal(JsonValueKind.Null, result.GetProperty("analysis").ValueKind);
        Assert.StartsWith(Individual, result.GetProperty("analysis_diverged").GetString(), StringComparison.Ordinal);
        Assert.Contains("There is no analysis, as an individual model has diverged: individual, task 0", File.ReadAllText(directory["out/report.html"]), StringComparison.Ordinal);
    }

    /// <summary>A copy that does not fit is told by the system without a name. The disk has room for the probe of the place, and not for the model.</summary>
    [Fact]
    public void A_model_that_does_not_fit_on_the_disk_is_told_with_its_name()
    {
        string file = MiniatureExperiment.Write(directory);
        Directory.CreateDirectory(directory["disk"]);
        Assert.SkipUnless(CanMount(), "A file system cannot be mounted here without rights.");
        const string Mounted = "mount -t tmpfs -o size=32k none disk && exec \"$0\" \"$@\"";
        MergeEngineProcess.RunThrough("unshare", ["-Urm", "sh", "-c", Mounted], directory.Path, [], "atm", file, "disk/out")
            .Refused(1, "merge-engine: disk/out: cannot be written (No space left on device).");
    }

    [Fact]
    public void Pretraining_that_diverges_fails_and_writes_nothing()
    {
        MiniatureExperiment.Write(directory);
        string file = directory.Write("pretrain.yml", """
            model: { image: 28, channels: 1, patch: 7, width: 16, layers: 1, heads: 2, mlp: 32 }
            tasks: [{ name: zero, data: 0.safetensors }, { name: two, data: 2.safetensors }]
            tuning: { learning_rate: 1.0e+30, batch_size: 8, epochs: 2 }
            """);
        MergeEngineProcess.Run("pretrain", file, directory["base"]).Refused(1, "pre-training, task zero: the training loss is not a number from step 2 on, so nothing is written");
        Assert.Equal(["0.safetensors", "2.safetensors", "miniature.yml", "pretrain.yml"], Entries());
    }

    [Fact]
    public void A_document_of_something_else_is_no_result()
    {
        MergeEngineProcess.Run("report", directory.Write("other.json", "{}")).Refused(1, "other.json: is not the results.json of an experiment");
        MergeEngineProcess.Run("report", directory.Write("half.json", "{\n \"name\": ")).Refused(1, "half.json", "line 2");
    }

    [Fact]
    public void A_missing_data_file_gets_one_sentence()
    {
        string file = MiniatureExperiment.Write(directory);
        File.Delete(directory["2.safetensors"]);
        MergeEngineProcess.Run("experiment", file, directory["out"]).Refused(1, "2.safetensors");
    }

    [Fact]
    public void A_directory_of_something_else_is_left_alone_and_an_old_result_of_the_same_seed_is_replaced()
    {
        string file = MiniatureExperiment.Write(directory, MiniatureExperiment.Text.Split("methods:")[0] + "methods: [pretrained]");
        Directory.CreateDirectory(directory["taken"]);
        directory.Write("taken/thesis.txt", "years of work");
        MergeEngineProcess.Run("experiment", file, directory["taken"]).Refused(1, "taken", "--overwrite");
        MergeEngineProcess.Run("experiment", file, directory["out"]).Succeeded();
        MergeEngineProcess.Run("experiment", file, directory["out"]).Succeeded();
        MergeEngineProcess.Run("experiment", file, directory["out"], "--seed", "9").Refused(1, "out: holds the results of this experiment with seed 5, not 9; --overwrite replaces them.");
        Assert.Contains("\"seed\": 5", File.ReadAllText(directory["out/results.json"]), StringComparison.Ordinal);
        MergeEngineProcess.Run("experiment", file, directory["out"], "--seed", "9", "--overwrite").Succeeded();
        Assert.Contains("\"seed\": 9", File.ReadAllText(directory["out/results.json"]), StringComparison.Ordinal);
    }

    [Fact]
    public void Results_of_another_experiment_are_only_replaced_when_that_is_asked_for()
    {
        string text = MiniatureExperiment.Text.Split("methods:")[0] + "methods: [pretrained]";
        MergeEngineProcess.Run("experiment", MiniatureExperiment.Write(directory, text), directory["out"]).Succeeded();
        byte[] results = File.ReadAllBytes(directory["out/results.json"]);
        string other = MiniatureExperiment.Write(directory, text.Replace("name: miniature", "name: other", StringComparison.Ordinal));
        MergeEngineProcess.Run("experiment", other, directory["out"]).Refused(1, "out: holds the results of another experiment, \"miniature\"; --overwrite");
        MergeEngineProcess.Run("atm", other, directory["out"]).Refused(1, "another experiment, \"miniature\"");
        Assert.Equal(results, File.ReadAllBytes(directory["out/results.json"]));
        MergeEngineProcess.Run("experiment", other, directory["out"], "--overwrite").Succeeded();
        Assert.Contains("\"name\": \"other\"", File.ReadAllText(directory["out/results.json"]), StringComparison.Ordinal);
        // A file of that name that something else wrote is not ours.
        Directory.CreateDirectory(directory["notes"]);
        directory.Write("notes/results.json", "{}");
        MergeEngineProcess.Run("experiment", other, directory["notes"]).Refused(1, "notes: exists already");
    }

    [Fact]
    public void A_run_that_is_stopped_ends_soon_and_leaves_nothing()
    {
        string file = MiniatureExperiment.Write(directory, MiniatureExperiment.Text.Replace("epochs: 2", "epochs: 50000", StringComparison.Ordinal));
        using Process process = MergeEngineProcess.Start(directory.Path, "experiment", file, directory["out"]);
        // The first line of progress says that the work has begun.
        string? line = process.StandardError.ReadLine();
        Assert.Contains("steps", line, StringComparison.Ordinal);
        MergeEngineProcess.Interrupt(process);
        Assert.True(process.WaitForExit(TimeSpan.FromSeconds(60)));
        Assert.Equal(130, process.ExitCode);
        Assert.Equal("", process.StandardOutput.ReadToEnd());
        Assert.Contains("merge-engine: stopped.", process.StandardError.ReadToEnd(), StringComparison.Ordinal);
        Assert.Equal(["0.safetensors", "2.safetensors", "miniature.yml"], Entries());
    }

    private bool CanMount()
    {
        try
        {
            using Process probe = Process.Start(new ProcessStartInfo("unshare", ["-Urm", "mount", "-t", "tmpfs", "none", directory["disk"]]) { RedirectStandardError = true })!;
            probe.WaitForExit();
            return probe.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    private IEnumerable<string?> Entries() => Directory.GetFileSystemEntries(directory.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal);

    private Outcome Run(string output, params string[] options) =>
        MergeEngineProcess.Run(["experiment", MiniatureExperiment.Write(directory), directory[output], .. options]).Succeeded();

    /// <summary>results.json without the seconds, which no two runs share.</summary>
    private string Results(string output) => Seconds().Replace(File.ReadAllText(directory[$"{output}/results.json"]), "");

    [GeneratedRegex("\"seconds\": [-+.eE0-9]+")]
    private static partial Regex Seconds();
}
