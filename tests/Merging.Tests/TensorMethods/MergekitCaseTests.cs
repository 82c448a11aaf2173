using System.Text.Json;
using MergeEngine.Merging.Analysis;
using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Recipes.Parameters;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.TensorMethods;

/// <summary>
/// mergekit's own outputs. Bound: twice the largest difference from float64 that the case states, as its README asks; float64 cases
/// are merged in float64. Marked elements, whose value is arbitrary, are left out.
/// </summary>
public sealed class MergekitCaseTests
{
    private static readonly string s_copy = FixtureFiles.PathOf("mergekit-methods");
    private static readonly string s_shared = Path.GetFullPath(FixtureFiles.PathOf("../../../shared/fixtures/mergekit"));

    private static readonly string[] s_names =
    [
        "linear-2", "linear-3", "linear-3-f64", "linear-3-bf16", "linear-3-bf16-dtype-f32", "linear-3-bf16-dtype-f32-out-bf16", "linear-3-f32-dtype-bf16", "linear-3-f32-out-bf16",
        "linear-unnormalized", "linear-negative", "linear-with-base", "linear-single", "linear-gradient", "linear-filters",
        "slerp-scalar", "slerp-far", "slerp-gradient", "slerp-filters", "slerp-filters-f64", "slerp-outside", "slerp-filters-bf16", "slerp-filters-bf16-dtype-f32",
        "slerp-filters-bf16-dtype-f32-out-bf16", "slerp-filters-f32-dtype-bf16", "slerp-filters-f32-out-bf16",
        "nuslerp-flatten", "nuslerp-rows", "nuslerp-row-wise", "nuslerp-row-wise-flatten", "nuslerp-base", "nuslerp-base-rows", "nuslerp-zero-sum", "nuslerp-f64", "nuslerp-bf16",
        "multislerp-3", "multislerp-3-unnormalized", "multislerp-base", "multislerp-base-2", "multislerp-single", "multislerp-f64", "multislerp-bf16",
        "karcher-2", "karcher-3", "karcher-4", "karcher-4-f64",
        "model-stock-2", "model-stock-3", "model-stock-3-filter-wise", "model-stock-3-f64", "model-stock-3-bf16",
        "arcee-fusion", "arcee-fusion-c", "arcee-fusion-bf16", "nearswap", "nearswap-gradient",
        "passthrough-copy", "passthrough-scale", "frankenmerge", "frankenmerge-scale", "filter-names-input", "filter-names-output", "slices-linear", "slices-residual-weight", "precedence",
        "same-model-two-paths", "dtype-fp16", "dtype-fp16-out-bf16", "dtype-mixed-tensors", "dtype-bf16-out-f32", "dtype-f32-fp16", "dtype-passthrough-bf16", "dtype-passthrough-fp16",
        "bert-linear", "bert-slerp", "clone-tensors",
    ];

    public static TheoryData<string, string> OnDevices { get; } = new(from name in s_names from device in DeviceCases.Kinds select (name, device));

    /// <summary>Four tensors of each model, copied from the cases: what a fresh clone has.</summary>
    public static TheoryData<string, string> CopiesOnDevices { get; } =
        new(from directory in Directory.GetDirectories(Path.Combine(s_copy, "cases")).Order(StringComparer.Ordinal) from device in DeviceCases.Kinds select (Path.GetFileName(directory), device));

    [Theory]
    [MemberData(nameof(OnDevices))]
    public void A_case_has_the_values_of_mergekit(string name, string device)
    {
        Assert.SkipUnless(Directory.Exists(s_shared), "The shared fixtures are not beside the repository.");
        Compare(s_shared, name, device);
    }

    [Theory]
    [MemberData(nameof(CopiesOnDevices))]
    public void A_few_tensors_of_a_case_have_the_values_of_mergekit(string name, string device) => Compare(s_copy, name, device);

    private static void Compare(string root, string name, string deviceName)
    {
        using JsonDocument cases = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(root, "cases.json")));
        double bound = 2 * cases.RootElement.GetProperty("cases").EnumerateArray().First(c => c.GetProperty("name").GetString() == name).GetProperty("float64_max_abs").GetDouble();
        using Device device = DeviceCases.Open(deviceName);
        Recipe recipe = Assert.Single(RecipeFile.Read(FixtureFiles.PathOf($"mergekit-recipes/{name}.yml"), RecipeText.Exists).Recipes);
        IReadOnlyList<RecipeSlice> slices = Assert.Single(recipe.Modules).Slices;
        Dictionary<ModelReference, Checkpoint> models = recipe.Models.ToDictionary(m => m, m => Checkpoint.Open(Path.Combine(root, m.Path)));
        int layers = 1 + models.Values.First().Names.Max(n => LayerName.NumberOf(n) ?? 0);
        using SafetensorsFile expected = SafetensorsFile.Open(Path.Combine(root, "cases", name, "expected", "model.safetensors"));
        string marks = Path.Combine(root, "cases", name, "ambiguous.safetensors");
        using SafetensorsFile? ambiguous = File.Exists(marks) ? SafetensorsFile.Open(marks) : null;
        var cuts = new Random(name.Length);
        double worst = 0;
        foreach (TensorEntry entry in expected.Tensors.Where(t => t.DType.IsArithmetic()))
        {
            (RecipeSlice slice, int? index) = Locate(slices, entry.Name);
            string[] names = [.. slice.Sources.Select(s => index is null ? entry.Name : Renumber(entry.Name, (s.Layers?.Start ?? 0) + index.Value))];
            DType working = recipe.DType ?? slice.Sources.Select((s, i) => models[s.Model][names[i]].DType).Aggregate((a, b) => a == b ? a : DType.F32);
            float[][] inputs = [.. slice.Sources.Select((s, i) => Rounded(models[s.Model].ReadFloat32(names[i]), working))];
            var place = new TensorPlace(entry.Name, names, LayerPosition.Of(index, slice.Layers ?? layers));
            double[] merged = working == DType.F64
                ? TensorRun.MergeFloat64(slice, place, entry.Shape, inputs)
                : Array.ConvertAll(Rounded(Rounded(TensorRun.Merge(device, slice, place, entry.Shape, inputs, cuts), working), recipe.OutDType ?? working), x => (double)x);
            double[] reference = entry.DType == DType.F64 ? expected.ReadFloat64(entry.Name) : Array.ConvertAll(expected.ReadFloat32(entry.Name), x => (double)x);
            if (name.StartsWith("nuslerp-base", StringComparison.Ordinal) && Straight(slice, slice.At(place), inputs) is { } line) reference = line;
            byte[]? skipped = ambiguous is not null && ambiguous.TryGet(entry.Name, out _) ? ambiguous.GetSpan(entry.Name).ToArray() : null;
            for (int e = 0; e < merged.Length; e++)
            {
                if (skipped is not null && skipped[e] != 0) continue;
                double off = Math.Abs(merged[e] - reference[e]);
                worst = Math.Max(worst, off == 0 ? 0 : off / bound);
                Assert.True(off <= bound, $"{entry.Name}[{e}]: {merged[e]:R}, expected {reference[e]:R} within {bound:R}; inputs {string.Join(' ', inputs.Select(x => x[e].ToString("R", null)))}");
            }
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{name} on {deviceName}: worst {worst:0.000} of the bound");
        foreach (Checkpoint model in models.Values) model.Dispose();
    }

    /// <summary>
    /// Where one model is untouched mergekit takes its difference to be perpendicular to the other: right is the straight line, as for any vectors without
    /// an angle; null elsewhere.
    /// </summary>
    private static double[]? Straight(RecipeSlice slice, TensorParameters parameters, float[][] inputs)
    {
        float[] origin = inputs[slice.BaseIndex!.Value];
        int[] models = [.. parameters.Models];
        if (!models.Any(m => inputs[m].AsSpan().SequenceEqual(origin))) return null;
        double[] weights = [.. models.Select(m => parameters.Number("weight", m))];
        return [.. origin.Select((b, e) => b + (models.Select((m, k) => weights[k] * ((double)inputs[m][e] - b)).Sum() / weights.Sum()))];
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

    private static float[] Rounded(float[] values, DType dtype)
    {
        if (dtype is not (DType.BF16 or DType.F16)) return values;
        var bytes = new byte[values.Length * 2];
        Conversion.FromSingle(values, dtype, bytes);
        var rounded = new float[values.Length];
        Conversion.ToSingle(dtype, bytes, rounded);
        return rounded;
    }
}
