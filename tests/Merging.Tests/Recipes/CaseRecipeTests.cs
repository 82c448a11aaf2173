using System.Text.Json;
using MergeEngine.Merging.Analysis;
using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Recipes.Parameters;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Merging.Yaml;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Recipes;

/// <summary>The recipes that mergekit has run: they are read, and where its outputs are at hand, the parameters are those that it used.</summary>
public sealed class CaseRecipeTests
{
    public static TheoryData<string> Names { get; } =
        [.. Directory.GetFiles(FixtureFiles.PathOf("mergekit-recipes"), "*.yml").Select(f => Path.GetFileNameWithoutExtension(f)).Order(StringComparer.Ordinal)];

    private static RecipeFile Read(string name) => RecipeFile.Read(FixtureFiles.PathOf($"mergekit-recipes/{name}.yml"), RecipeText.Exists);

    [Theory]
    [MemberData(nameof(Names))]
    public void A_recipe_that_mergekit_runs_is_read_and_resolved(string name)
    {
        if (name == "unknown-keys")
        {
            Assert.EndsWith("unknown-keys.yml:12:1: A recipe has no option 'dtyp'; it knows base_model, chat_template, dialect, dtype, merge_method, models, modules, name, out_dtype, parameters, slices, tokenizer, tokenizer_source.",
                Assert.Throws<YamlException>(() => Read(name)).Message, StringComparison.Ordinal);
            return;
        }

        RecipeFile file = Read(name);
        Assert.Empty(RecipeText.ProblemsOf(file));
        Assert.Equal(name == "multi-named", file.Result is null);
    }

    /// <summary>Notes are for what has no effect, and these have none in mergekit either.</summary>
    [Fact]
    public void Only_what_has_no_effect_is_noted() =>
        Assert.Equal(["parameter-forms", "slices-residual-weight", "ta-base-parameters"],
            Names.Select(n => n.Data).Where(n => n != "unknown-keys" && Read(n).Recipes.Any(r => r.Notes.Count > 0)));

    /// <summary>
    /// The formula in float64 with the resolved parameters gives mergekit's own output. Bound: twice the largest difference from float64 that
    /// the case states; a parameter of the wrong layer or scope is off by more than 1e-4. The float32 model values are of order 0.1.
    /// </summary>
    [Theory]
    [InlineData("passthrough-scale")]
    [InlineData("frankenmerge-scale")]
    [InlineData("filter-names-input")]
    [InlineData("linear-gradient")]
    [InlineData("linear-filters")]
    [InlineData("slices-linear")]
    [InlineData("precedence")]
    [InlineData("modules-default")]
    [InlineData("ta-gradient")]
    [InlineData("ta-filters")]
    [InlineData("parameter-forms")]
    [InlineData("filter-names-output")]
    [InlineData("slices-base-even")]
    public void Resolved_parameters_are_those_that_mergekit_used(string name)
    {
        string shared = Path.GetFullPath(FixtureFiles.PathOf("../../../shared/fixtures/mergekit"));
        Assert.SkipUnless(Directory.Exists(shared), "The shared fixtures are not beside the repository.");
        using JsonDocument cases = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(shared, "cases.json")));
        double bound = 2 * cases.RootElement.GetProperty("cases").EnumerateArray().First(c => c.GetProperty("name").GetString() == name).GetProperty("float64_max_abs").GetDouble();

        Recipe recipe = Assert.Single(Read(name).Recipes);
        IReadOnlyList<RecipeSlice> slices = Assert.Single(recipe.Modules).Slices;
        Dictionary<ModelReference, SafetensorsFile> models = recipe.Models.ToDictionary(m => m, m => SafetensorsFile.Open(Path.Combine(shared, m.Path, "model.safetensors")));
        using SafetensorsFile expected = SafetensorsFile.Open(Path.Combine(shared, "cases", name, "expected", "model.safetensors"));
        foreach (TensorEntry entry in expected.Tensors)
        {
            (RecipeSlice slice, int? index) = Locate(slices, entry.Name);
            string[] inputs = [.. slice.Sources.Select(s => index is null ? entry.Name : Renumber(entry.Name, (s.Layers?.Start ?? 0) + index.Value))];
            TensorParameters parameters = slice.At(new TensorPlace(entry.Name, inputs, LayerPosition.Of(index, slice.Layers ?? 4)));
            float[][] values = [.. slice.Sources.Select((s, i) => models[s.Model].ReadFloat32(inputs[i]))];
            double[] merged = Merge(slice, parameters, values);
            float[] reference = expected.ReadFloat32(entry.Name);
            Assert.Equal(reference.Length, merged.Length);
            for (int e = 0; e < merged.Length; e++) Assert.True(Math.Abs(merged[e] - reference[e]) <= bound, $"{entry.Name}[{e}]: {merged[e]}, expected {reference[e]} within {bound}.");
        }

        foreach (SafetensorsFile model in models.Values) model.Dispose();
    }

    /// <summary>Embeddings belong to the first slice, final norm and head to the last.</summary>
    private static (RecipeSlice Slice, int? Index) Locate(IReadOnlyList<RecipeSlice> slices, string name)
    {
        if (LayerName.NumberOf(name) is not { } layer) return (name.Contains("embed", StringComparison.Ordinal) ? slices[0] : slices[^1], null);
        foreach (RecipeSlice slice in slices)
        {
            if (slice.Layers is not { } layers || layer < layers) return (slice, layer);
            layer -= layers;
        }

        throw new InvalidOperationException($"{name} is behind the last slice.");
    }

    private static string Renumber(string name, int layer) => name.Replace($".layers.{LayerName.NumberOf(name)}.", $".layers.{layer}.", StringComparison.Ordinal);

    private static double[] Merge(RecipeSlice slice, TensorParameters parameters, float[][] values)
    {
        double[] merged = new double[values[0].Length];
        if (slice.Method.Name == "slerp") return Slerp(values[slice.BaseIndex!.Value], values[1 - slice.BaseIndex.Value], parameters.Number("t"));
        double sum = parameters.Models.Sum(m => slice.Method.Name == "passthrough" ? 1 : parameters.Number("weight", m));
        for (int e = 0; e < merged.Length; e++)
        {
            double x0 = slice.BaseIndex is { } b && slice.Method.Name == "task_arithmetic" ? values[b][e] : 0;
            merged[e] = slice.Method.Name switch
            {
                "passthrough" => values[0][e] * parameters.Number("scale", 0),
                "linear" => parameters.Models.Sum(m => parameters.Number("weight", m) * values[m][e]) / (parameters.Flag("normalize") ? sum : 1),
                _ => x0 + parameters.Number("lambda") * parameters.Models.Sum(m => parameters.Number("weight", m) * (values[m][e] - x0)) / (parameters.Flag("normalize") ? sum : 1),
            };
        }

        return merged;
    }

    private static double[] Slerp(float[] x, float[] y, double t)
    {
        double Dot(float[] a, float[] b) => a.Zip(b, (p, q) => (double)p * q).Sum();
        double cosine = Dot(x, y) / Math.Sqrt(Dot(x, x) * Dot(y, y)), angle = Math.Acos(cosine);
        (double u, double v) = Math.Abs(cosine) > 0.9995 ? (1 - t, t) : (Math.Sin((1 - t) * angle) / Math.Sin(angle), Math.Sin(t * angle) / Math.Sin(angle));
        return [.. x.Zip(y, (p, q) => u * p + v * q)];
    }
}
