using System.Text.Json;
using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Tests.Adapters;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Vocabularies;

/// <summary>mergekit's merges with vocabularies, row by row of each token: the order of new tokens is not the same in any two of its runs.</summary>
public sealed class VocabularyCaseTests
{
    public static TheoryData<string> Names { get; } =
    [
        "tokenizer-union", "tokenizer-union-permuted", "tokenizer-union-ta", "tokenizer-union-4", "tokenizer-base", "tokenizer-base-permuted", "tokenizer-model", "tokenizer-model-permuted",
        "tokenizer-slerp", "tokenizer-tokens", "tokenizer-pad", "tokenizer-pad-exact", "tokenizer-padded-input", "tokenizer-stripped", "tokenizer-none-in-one", "tokenizer-bf16", "chat-template-text",
    ];

    /// <summary>Bound: twice the largest difference of mergekit's values from float64.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Every_token_has_the_row_of_the_reference(string name)
    {
        Assert.SkipUnless(Directory.Exists(MergekitCases.FullSet), "The full set of mergekit's cases is not beside the repository.");
        using var device = DeviceCases.Open("cpu", 2);
        Recipe recipe = MergekitCases.Recipe(name);
        using MergeJob job = MergePlanner.Plan(recipe, new PlanOptions { WorkingDirectory = MergekitCases.FullSet });
        string directory = Path.Combine(MergekitCases.FullSet, "cases", name, "expected");
        using Checkpoint expected = Checkpoint.Open(directory);
        using JsonDocument cases = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(MergekitCases.FullSet, "cases.json")));
        double bound = 2 * cases.RootElement.GetProperty("cases").EnumerateArray().First(c => c.GetProperty("name").GetString() == name).GetProperty("float64_max_abs").GetDouble();
        Dictionary<string, int> theirs = TokenTable.Read(File.ReadAllBytes(Path.Combine(directory, "tokenizer.json"))), ours = TokenTable.Read(job.Vocabulary!.Files["tokenizer.json"].Span);
        Assert.Equal(theirs.Keys.Order(StringComparer.Ordinal), ours.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(expected["model.embed_tokens.weight"].Shape[0], job.Vocabulary.Rows);
        Assert.Equal(expected.Names, job.Tensors.Select(t => t.Name).Order(StringComparer.Ordinal));
        int[] place = [.. Enumerable.Range(0, (int)job.Vocabulary.Rows)];
        foreach ((string token, int id) in ours) place[id] = theirs[token];
        foreach (TensorJob tensor in job.Tensors)
        {
            Assert.Equal((expected[tensor.Name].DType, expected[tensor.Name].Shape), (tensor.DType, tensor.Shape));
            float[] values = expected.ReadFloat32(tensor.Name), found = JobValues.Merge(tensor, device);
            bool perToken = tensor.Name is "model.embed_tokens.weight" or "lm_head.weight";
            int width = perToken ? (int)tensor.Shape[1] : 1;
            for (int i = 0; i < found.Length; i++)
            {
                float value = perToken ? values[(place[i / width] * width) + (i % width)] : values[i];
                Assert.True(Math.Abs((double)value - found[i]) <= bound, $"{tensor.Name}, row {i / width}, column {i % width}: {found[i]:g9}, expected {value:g9} within {bound:g3}.");
            }
        }
    }

    /// <summary>The ids that config.json should have: mergekit keeps the base's, which mean other tokens there.</summary>
    [Fact]
    public void Ids_of_the_donor_follow_their_tokens()
    {
        Assert.SkipUnless(Directory.Exists(MergekitCases.FullSet), "The full set of mergekit's cases is not beside the repository.");
        using MergeJob job = MergePlanner.Plan(MergekitCases.Recipe("tokenizer-model-permuted"), new PlanOptions { WorkingDirectory = MergekitCases.FullSet });
        // <s>, </s>, <pad> of the base, and where its tokens are in tok-c.
        Assert.Equal([75, 63, 21], new[] { 1, 2, 3 }.Select(i => job.Vocabulary!.NewIds[i]));
        Assert.Equal(87, job.Vocabulary!.NewIds.Count);
        Assert.Contains(job.Notes, n => n.Contains("models/tok-base: 9 of its tokens are not in the vocabulary of the output", StringComparison.Ordinal));
    }
}
