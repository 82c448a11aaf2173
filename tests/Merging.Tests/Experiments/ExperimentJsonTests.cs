using System.Text.Json;
using MergeEngine.Merging.Experiments;
using MergeEngine.Merging.Tests.Support;

namespace MergeEngine.Merging.Tests.Experiments;

/// <summary>The results document: its names are a contract.</summary>
public sealed class ExperimentJsonTests
{
    [Fact]
    public void A_result_comes_back_as_it_was()
    {
        using var miniature = new MiniatureExperiment();
        string json = ExperimentJson.Write(miniature.Run("pretrained\ntatr: { rho: [0.99, 0.9], samples: 4 }\natm: { rounds: 2 }", "fixed_lambda: 0.3\nconflict_lambda: 0.3\n"));
        Assert.Equal(json, ExperimentJson.Write(ExperimentJson.Read(json)));
        Assert.Equal(json, ExperimentJson.Write(ExperimentJson.Read(json.Replace("\n", "", StringComparison.Ordinal))));
    }

    [Fact]
    public void Names_are_those_that_readers_rely_on()
    {
        using var miniature = new MiniatureExperiment();
        using JsonDocument document = JsonDocument.Parse(ExperimentJson.Write(
            miniature.Run("pretrained\ntask-arithmetic: { lambda: [0.1, 0.3] }\natm: { rounds: 2 }", "fixed_lambda: 0.3\nconflict_lambda: 0.3\n")));
        JsonElement root = document.RootElement;
        Assert.Equal(["name", "seed", "tasks", "methods", "fixed_coefficient", "rounds", "analysis", "settings"], root.EnumerateObject().Select(p => p.Name));
        Assert.Equal(3, root.GetProperty("seed").GetInt32());
        Assert.Equal(["a", "b"], root.GetProperty("tasks").EnumerateArray().Select(t => t.GetString()));
        JsonElement row = root.GetProperty("methods")[1];
        Assert.Equal(["name", "accuracy", "average", "seconds", "steps", "examples", "parameters", "searched", "validation"], row.EnumerateObject().Select(p => p.Name));
        Assert.Equal("task-arithmetic", row.GetProperty("name").GetString());
        Assert.Equal(row.GetProperty("average").GetDouble(), (row.GetProperty("accuracy").GetProperty("a").GetDouble() + row.GetProperty("accuracy").GetProperty("b").GetDouble()) / 2);
        Assert.Equal(30, row.GetProperty("steps").GetInt64());
        Assert.False(root.GetProperty("methods")[0].TryGetProperty("validation", out _));
        Assert.Equal(["method", "round", "steps", "average", "norm"], root.GetProperty("rounds")[0].EnumerateObject().Select(p => p.Name));
        Assert.Equal(
            ["base", "cosine", "norm", "conflict", "conflict_lambda", "sign_agreement", "dropped_share"], root.GetProperty("analysis").EnumerateObject().Select(p => p.Name));
    }

    /// <summary>A run that diverges has norms that are no numbers; its results are written all the same.</summary>
    [Fact]
    public void Numbers_that_are_not_finite_are_written_and_read()
    {
        var result = new ExperimentResult
        {
            Name = "diverged",
            Seed = 1,
            Tasks = ["a"],
            Methods = [],
            Rounds = [new RoundSeries("atm", [0, 1], [0, 5], [50, 10], [double.NaN, double.PositiveInfinity])],
        };
        string json = ExperimentJson.Write(result);
        Assert.Equal([double.NaN, double.PositiveInfinity], ExperimentJson.Read(json).Rounds[0].Norm);
        using JsonDocument document = JsonDocument.Parse(json);
        Assert.Equal("NaN", document.RootElement.GetProperty("rounds")[0].GetProperty("norm")[0].GetString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"name":"x","seed":1,"tasks":["a"],"methods":null}""")]
    [InlineData("""{"name":"x","seed":-1,"tasks":["a"],"methods":[]}""")]
    [InlineData("""{"name":"x","seed":1,"tasks":["a"],"methods":[{"name":"y"}]}""")]
    [InlineData("""{"name":"x","seed":1,"tasks":["a"],"methods":[],"rounds":[{"method":"atm"}]}""")]
    public void What_is_no_results_document_is_refused(string json) => Assert.ThrowsAny<JsonException>(() => ExperimentJson.Read(json));
}
