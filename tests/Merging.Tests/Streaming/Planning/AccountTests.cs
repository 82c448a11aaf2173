using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Tests.Streaming.Planning;

/// <summary>No tensor of any input is dropped without a line: it is a source of some output, or a note names it.</summary>
public sealed class AccountTests(HeaderFixture fixture) : IClassFixture<HeaderFixture>
{
    private static readonly string[] s_kinds = ["F32 4", "F32 4", "F32 4", "BF16 4", "I64 4", "F8_E4M3 4", "F32 5"];

    private static readonly string[] s_names =
    [
        "model.embed_tokens.weight", "model.layers.0.w", "model.layers.1.w", "model.layers.1.attn.bias", "model.norm.weight", "lm_head.weight", "classifier.bias", "pooler.bias",
        "model.pooler.w", "embed_tokens.weight", "layers.0.w", "layers.1.w", "norm.weight", "e.LayerNorm.gamma", "e.LayerNorm.beta", "e.LayerNorm.weight", "shared.weight", "position_ids",
        "layers.0.rotary_emb.inv_freq", "layers.99999999999.w", ".", "..", "layers..w", "h.1", "model.",
    ];

    private static IEnumerable<string> Unaccounted(MergeJob job)
    {
        HashSet<(Checkpoint, string)> used = [.. job.Tensors.SelectMany(t => t.Sources).SelectMany(s => (IEnumerable<TensorSource>)[s, .. s.Transform?.Others ?? []]).Select(s => (s.Checkpoint, s.Tensor))];
        return job.Inputs.SelectMany(c => c.Names.Where(n => !used.Contains((c, n)) && !job.Notes.Any(note => note.Contains(n + "\"", StringComparison.Ordinal))));
    }

    [Theory]
    [MemberData(nameof(CasePlanTests.Names), MemberType = typeof(CasePlanTests))]
    public void Every_tensor_of_the_reference_merges_is_accounted_for(string name)
    {
        Dictionary<string, string> documents = fixture.WriteIntermediates(name);
        foreach (Recipe recipe in CasePlanTests.Read(name).Recipes.Where(r => !r.Modules.Any(m => m.IsSliced)))
        {
            using MergeJob job = fixture.Plan(recipe, o => o with { Documents = documents, UnsafeTruncateEmbeddings = true });
            Assert.Empty(Unaccounted(job));
        }
    }

    /// <summary>Models of names that go together, contradict each other or are odd: each merge is planned whole or refused with sentences.</summary>
    [Fact]
    public void Models_of_random_names_are_planned_whole_or_refused()
    {
        var random = new Random(11);
        int planned = 0, refused = 0;
        for (int round = 0; round < 500; round++)
        {
            string[] models = [.. Enumerable.Range(0, random.Next(1, 4)).Select(i => $"models/random{i}")];
            int most = random.Next(1, s_names.Length);
            foreach (string model in models) fixture.Write(model, [.. s_names.OrderBy(_ => random.Next()).Take(random.Next(1, most + 1)).Select(n => (n, s_kinds[random.Next(1 + round % s_kinds.Length)]))]);
            string list = $"models: [{string.Join(", ", models.Select(m => $"{{model: {m}}}"))}]";
            string method = random.Next(2) == 0 ? "linear" : "task_arithmetic\nbase_model: models/random0";
            try
            {
                using MergeJob job = fixture.Plan($"merge_method: {method}\nparameters: {{weight: 0.5}}\n{list}");
                Assert.Empty(Unaccounted(job));
                Assert.Equal(job.Tensors.Count, job.Tensors.Select(t => t.Name).Distinct().Count());
                planned++;
            }
            catch (PlanningException e)
            {
                Assert.All(e.Problems, p => Assert.EndsWith(".", p, StringComparison.Ordinal));
                refused++;
            }
        }

        Assert.True(planned > 50 && refused > 50, $"{planned} planned, {refused} refused");
    }
}
