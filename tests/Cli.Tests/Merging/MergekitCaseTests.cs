using System.Text.Json;
using System.Text.Json.Nodes;
using MergeEngine.Cli.Tests.Support;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Tests.Merging;

/// <summary>
/// A mergekit user changes one word of a command: each command of the set gives, through the real program, the names, shapes, types and values of mergekit's own output,
/// and where that is wrong what is right.
/// </summary>
public sealed class MergekitCaseTests(MergekitCaseRuns runs) : IClassFixture<MergekitCaseRuns>
{
    /// <summary>Keys that mergekit ignores without a word are errors here.</summary>
    private const string Misspelt = "unknown-keys";

    public static TheoryData<string> Names =>
        MergekitSet.IsHere ? [.. MergekitSet.Cases.Where(c => MergekitSet.TextOf(c, "compare") != "product").Select(MergekitSet.NameOf).Where(n => n != Misspelt)] : [MergekitSet.Missing];

    [Theory]
    [MemberData(nameof(Names))]
    public void The_same_command_gives_the_same_model(string name)
    {
        MergekitSet.Require();
        JsonElement entry = MergekitSet.Case(name);
        Outcome outcome = runs.Of(name).Succeeded();
        Assert.NotEqual("", outcome.Output);
        if (File.Exists(MergekitSet.PathOf("cases", name, "expected", "config.json"))) Compare(entry, runs.OutputOf(name), MergekitSet.PathOf("cases", name, "expected"));
        else Assert.False(Directory.Exists(runs.OutputOf(name)));
        string intermediate = MergekitSet.PathOf("cases", name, "intermediate");
        foreach (string expected in Directory.Exists(intermediate) ? Directory.GetDirectories(intermediate) : [])
            Compare(entry, Path.Combine(runs.IntermediateOf(name), Path.GetFileName(expected)), expected);
    }

    [Fact]
    public void Misspelt_keys_are_errors_each_with_its_place()
    {
        MergekitSet.Require();
        Outcome outcome = runs.Of(Misspelt).Refused(2, "there are 5 problems");
        string[] sentences = [.. outcome.Error.Split('\n').Where(l => l.StartsWith("  ", StringComparison.Ordinal))];
        (string Place, string Key)[] expected = [("7:7", "densty"), ("8:7", "lambda"), ("9:7", "normalize"), ("11:3", "lamda"), ("12:1", "dtyp")];
        Assert.Equal(expected.Length, sentences.Length);
        Assert.All(expected.Zip(sentences), pair =>
        {
            Assert.StartsWith($"  cases/unknown-keys/recipe.yml:{pair.First.Place}: ", pair.Second, StringComparison.Ordinal);
            Assert.Contains($"'{pair.First.Key}'", pair.Second, StringComparison.Ordinal);
        });
    }

    [Fact]
    public void Every_defect_of_the_set_has_its_right_answer()
    {
        MergekitSet.Require();
        Assert.Equal(MergekitSet.Cases.Where(c => c.GetProperty("defect").ValueKind == JsonValueKind.String).Select(MergekitSet.NameOf).Order(StringComparer.Ordinal), RightAnswer.Names.Order(StringComparer.Ordinal));
    }

    private static void Compare(JsonElement entry, string actualPath, string expectedPath)
    {
        string name = MergekitSet.NameOf(entry);
        using Checkpoint actual = Checkpoint.Open(actualPath), expected = Checkpoint.Open(expectedPath);
        RightAnswer right = RightAnswer.Of(name, expected);
        Assert.Equal(expected.Names.Union(right.Values.Keys).Order(StringComparer.Ordinal), actual.Names.Order(StringComparer.Ordinal));
        Assert.Equal("pt", actual.Metadata["format"]);
        foreach (string tensor in expected.Names)
        {
            Assert.Equal(expected[tensor].Shape, actual[tensor].Shape);
            Assert.Equal((tensor, right.Stored ?? expected[tensor].DType), (tensor, actual[tensor].DType));
        }

        CompareConfig(right, actualPath, expectedPath);
        foreach (string file in Directory.GetFiles(expectedPath)) Assert.True(File.Exists(Path.Combine(actualPath, Path.GetFileName(file))), $"{name}: {Path.GetFileName(file)} is missing.");
        if (MergekitSet.TextOf(entry, "compare") == "statistics") RandomMasks.AssertAlike(name, actual, expected);
        else CompareValues(entry, right, actual, expected);
    }

    private static void CompareValues(JsonElement entry, RightAnswer right, Checkpoint actual, Checkpoint expected)
    {
        string name = MergekitSet.NameOf(entry), marks = MergekitSet.PathOf("cases", name, "ambiguous.safetensors");
        using Checkpoint? ambiguous = File.Exists(marks) ? Checkpoint.Open(marks) : null;
        double bound = 2 * entry.GetProperty("float64_max_abs").GetDouble();
        bool byToken = MergekitSet.TextOf(entry, "compare") == "by-token";
        foreach (string tensor in actual.Names)
        {
            if (!actual[tensor].DType.IsArithmetic())
            {
                Assert.True(expected.GetSpan(tensor).SequenceEqual(actual.GetSpan(tensor)), $"{name}, {tensor}: other integers.");
                continue;
            }

            double[] found = MergekitSet.Values(actual, tensor);
            if (byToken && tensor is "model.embed_tokens.weight" or "lm_head.weight" && byToken)
                found = TokenRows.Take(found, actual[tensor], TokenRows.Order(expected.Path, actual.Path, actual[tensor].Shape[0]));
            bool isRight = right.Values.TryGetValue(tensor, out double[]? values);
            values ??= MergekitSet.Values(expected, tensor);
            ReadOnlySpan<byte> mask = !isRight && ambiguous is not null && ambiguous.Contains(tensor) ? ambiguous.GetSpan(tensor) : default;
            Assert.Equal(values.Length, found.Length);
            for (int e = 0; e < found.Length; e++)
            {
                if (!mask.IsEmpty && mask[e] != 0) continue;
                // What is computed in float64 is not rounded to the output's type: half a unit of float32's last place where the case's own bound has none.
                double allowed = isRight ? Math.Max(right.Rounding, Math.Pow(2, -24)) * Math.Abs(values[e]) + (right.Rounding > 0 ? 1e-6 : bound) : bound;
                Assert.True(Math.Abs(found[e] - values[e]) <= allowed, $"{name}, {tensor}[{e}]: {found[e]:g9}, expected {values[e]:g9} within {allowed:g3}.");
            }
        }
    }

    /// <summary>The settings of the output's config are mergekit's, but for those that it gets wrong.</summary>
    private static void CompareConfig(RightAnswer right, string actualPath, string expectedPath)
    {
        JsonObject actual = Config(actualPath), expected = Config(expectedPath);
        foreach ((string key, JsonNode? value) in right.Config)
        {
            if (value is null) actual[key] = expected[key] = null;
            else expected[key] = value.DeepClone();
        }

        // The version of the program that wrote it, which none did here.
        actual.Remove("transformers_version");
        expected.Remove("transformers_version");
        foreach (string key in expected.Select(p => p.Key).Union(actual.Select(p => p.Key)).ToArray())
            Assert.True(JsonNode.DeepEquals(expected[key], actual[key]), $"{actualPath}: {key} is {actual[key]?.ToJsonString() ?? "absent"} in config.json, expected {expected[key]?.ToJsonString() ?? "absent"}.");
    }

    private static JsonObject Config(string directory) => JsonNode.Parse(File.ReadAllBytes(Path.Combine(directory, "config.json")))!.AsObject();
}
