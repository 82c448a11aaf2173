using System.Text.Json;
using System.Text.RegularExpressions;
using MergeEngine.Cli.Tests.Support;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Tests.Commands;

/// <summary>What experiments and their kin find, print and keep.</summary>
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

    [Fact]
    public void A_document_of_something_else_is_no_result()
    {
        MergeEngineProcess.Run("report", directory.Write("other.json", "{}")).Refused(1, "other.json: is not the results.json of an experiment");
        MergeEngineProcess.Run("report", directory.Write("half.json", "{\n \"name\": ")).Refused(1, "half.json", "line 2");
    }

    private Outcome Run(string output, params string[] options) =>
        MergeEngineProcess.Run(["experiment", MiniatureExperiment.Write(directory), directory[output], .. options]).Succeeded();

    /// <summary>results.json without the seconds, which no two runs share.</summary>
    private string Results(string output) => Seconds().Replace(File.ReadAllText(directory[$"{output}/results.json"]), "");

    [GeneratedRegex("\"seconds\": [-+.eE0-9]+")]
    private static partial Regex Seconds();
}
