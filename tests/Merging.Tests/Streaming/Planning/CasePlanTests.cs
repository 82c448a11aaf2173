using System.Text.Json;
using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Streaming.Planning;

/// <summary>Every merge that mergekit has run is planned, and its tensors are those that mergekit wrote, or, where it loses some, those that it should have written.</summary>
public sealed class CasePlanTests(HeaderFixture fixture) : IClassFixture<HeaderFixture>
{
    /// <summary>Refused for its misspelt keys.</summary>
    private const string Misspelt = "unknown-keys";

    public static TheoryData<string> Names { get; } =
        [.. Directory.GetFiles(FixtureFiles.PathOf("mergekit-recipes"), "*.yml").Select(f => Path.GetFileNameWithoutExtension(f)).Where(n => n != Misspelt).Order(StringComparer.Ordinal)];

    /// <summary>Where mergekit loses tensors or their type: the model whose names, shapes and types are right.</summary>
    private static readonly Dictionary<string, string> s_right = new()
    {
        ["bert-mlm"] = "bertmlm-a",
        ["vit-linear"] = "vit-base",
        ["vit-ta-gradient"] = "vit-base",
        ["extra-tensors-only-input"] = "llama-a-extra",
        ["arcee-fusion-bf16"] = "llama-a-bf16",
    };

    internal static RecipeFile Read(string name) => RecipeFile.Read(FixtureFiles.PathOf($"mergekit-recipes/{name}.yml"), RecipeText.Exists);

    private PlanOptions Options(PlanOptions options, string name, Dictionary<string, string> documents) => options with
    {
        UnsafeTruncateEmbeddings = fixture.Case(name).TryGetProperty("options", out JsonElement given) && given.EnumerateArray().Any(o => o.GetString() == "--unsafe-truncate-embeddings"),
        Documents = documents,
    };

    [Theory]
    [MemberData(nameof(Names))]
    public void Names_shapes_and_types_are_those_of_the_reference(string name)
    {
        Dictionary<string, string> documents = fixture.WriteIntermediates(name);
        foreach (Recipe recipe in Read(name).Recipes)
        {
            using MergeJob job = fixture.Plan(recipe, o => Options(o, name, documents));
            SortedDictionary<string, string> expected = s_right.TryGetValue(name, out string? model) ? fixture.Model(model)
                : fixture.Layout((recipe.Name is null ? fixture.Case(name).GetProperty("expected") : fixture.Case(name).GetProperty("intermediate").GetProperty(recipe.Name)).GetString()!);
            Assert.Equal(expected, HeaderFixture.Describe(job));
            if (fixture.Case(name).TryGetProperty("order", out JsonElement order)) Assert.Equal(order.EnumerateArray().Select(o => o.GetString()), job.Tensors.Select(t => t.Name));
        }
    }

    /// <summary>The same from the files that mergekit read, with shards and values.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void The_reference_files_themselves_are_planned_alike(string name)
    {
        Assert.SkipUnless(Directory.Exists(HeaderFixture.Shared), "The shared fixtures are not beside the repository.");
        string results = Path.Combine(HeaderFixture.Shared, "cases", name, "intermediate");
        Dictionary<string, string> documents = Directory.Exists(results) ? Directory.GetDirectories(results).ToDictionary(d => Path.GetFileName(d), d => d) : [];
        foreach (Recipe recipe in Read(name).Recipes)
        {
            using MergeJob job = fixture.Plan(recipe, o => Options(o, name, documents) with { WorkingDirectory = HeaderFixture.Shared });
            if (s_right.ContainsKey(name)) continue;
            using Checkpoint expected = Checkpoint.Open(recipe.Name is null ? Path.Combine(HeaderFixture.Shared, "cases", name, "expected") : documents[recipe.Name]);
            Assert.Equal(expected.Names.Select(n => (n, expected[n].DType, expected[n].Shape)), job.Tensors.OrderBy(t => t.Name, StringComparer.Ordinal).Select(t => (t.Name, t.DType, t.Shape)));
        }
    }
}
