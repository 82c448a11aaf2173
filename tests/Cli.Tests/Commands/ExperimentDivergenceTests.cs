using System.Text.Json;
using MergeEngine.Cli.Tests.Support;

namespace MergeEngine.Cli.Tests.Commands;

/// <summary>Training whose losses or weights are no numbers: what ends, and what is marked and written.</summary>
public sealed class ExperimentDivergenceTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

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

    private IEnumerable<string?> Entries() => Directory.GetFileSystemEntries(directory.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal);
}
