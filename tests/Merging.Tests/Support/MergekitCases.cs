using System.Runtime.InteropServices;
using System.Text.Json;
using MergeEngine.Merging.Analysis;
using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Recipes.Parameters;
using MergeEngine.Merging.TensorMethods;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Support;

/// <summary>
/// Cases of mergekit, merged tensor by tensor and compared with its own output: the full set where it lies beside the repository, or the tensors cut
/// out of it under tests/Fixtures.
/// </summary>
internal sealed class MergekitCases : IDisposable
{
    private readonly bool _full;
    private readonly string _root;
    private readonly Dictionary<string, SafetensorsFile> _files = [];

    private MergekitCases(string root, bool full) => (_root, _full) = (root, full);

    /// <summary>Where the full set is, if it is here.</summary>
    public static string FullSet { get; } = Path.GetFullPath(FixtureFiles.PathOf("../../../shared/fixtures/mergekit"));

    public static MergekitCases OpenFull()
    {
        Assert.SkipUnless(Directory.Exists(FullSet), "The full set of mergekit's cases is not beside the repository.");
        return new MergekitCases(FullSet, true);
    }

    public static MergekitCases OpenSmall(string directory) => new(FixtureFiles.PathOf(directory), false);

    /// <summary>The one recipe of a case, without the output that it has in the set.</summary>
    public static Recipe Recipe(string name) =>
        Assert.Single(RecipeFile.Read(FixtureFiles.PathOf($"mergekit-recipes/{name}.yml"), RecipeText.Exists).Recipes);

    /// <summary>The method that a recipe names.</summary>
    public static TensorMethod MethodOf(Recipe recipe) =>
        Merging.TensorMethods.TensorMethods.Find(recipe.Method.Name) ?? throw new InvalidOperationException($"There is no method '{recipe.Method.Name}'.");

    /// <summary>
    /// Merges every tensor of the case, in random chunks or in float64 where the case asks for it. Bound: twice the largest difference of mergekit's result from float64 that the case states.
    /// </summary>
    /// <returns>The largest difference as a share of its bound.</returns>
    public double Check(string name, Device device)
    {
        Recipe recipe = Recipe(name);
        RecipeSlice slice = Assert.Single(Assert.Single(recipe.Modules).Slices);
        TensorMethod method = MethodOf(recipe);
        double bound = 2 * StatedDifference(name), worst = 0;
        var cuts = new Random(name.Length);
        foreach ((string tensor, double[] expected, byte[]? ambiguous) in Expected(name))
        {
            (TensorTask task, float[][] inputs) = Task(recipe, slice, tensor, device);
            DType stored = recipe.OutDType ?? OutputType(recipe, slice, tensor);
            double[] merged = recipe.DType == DType.F64
                ? TensorMethodRun.MergeFloat64(method, task, inputs)
                : Array.ConvertAll(TensorMethodRun.Merge(method, task, inputs, cuts), x => (double)Round(Round(x, recipe.DType), stored));
            Assert.Equal(expected.Length, merged.Length);
            for (int e = 0; e < merged.Length; e++)
            {
                if (ambiguous is not null && ambiguous[e] != 0) continue;
                double difference = Math.Abs(merged[e] - expected[e]);
                Assert.True(difference <= bound, $"{name}, {tensor}[{e}]: {merged[e]:g17}, expected {expected[e]:g17} within {bound:g3}, base {inputs[slice.BaseIndex!.Value][e]:g9}.");
                if (bound > 0) worst = Math.Max(worst, difference / bound);
            }
        }

        return worst;
    }

    /// <summary>The names of all tensors of a recipe's first model.</summary>
    public IEnumerable<string> TensorsOf(RecipeSlice slice) => Model(slice.Sources[0].Model.Path).Tensors.Select(t => t.Name);

    /// <summary>One tensor of a recipe as a method sees it.</summary>
    public (TensorTask Task, float[][] Inputs) Task(Recipe recipe, RecipeSlice slice, string tensor, Device device, ulong seed = 42)
    {
        SafetensorsFile first = Model(slice.Sources[0].Model.Path);
        int layers = first.Tensors.Max(t => LayerName.NumberOf(t.Name) ?? 0) + 1;
        TensorParameters parameters = slice.At(new TensorPlace(tensor, null, LayerPosition.Of(LayerName.NumberOf(tensor), layers)));
        float[][] inputs = [.. slice.Sources.Select(s => Array.ConvertAll(Model(s.Model.Path).ReadFloat32(tensor), x => Round(x, recipe.DType)))];
        return (new TensorTask(device, tensor, first[tensor].Shape, inputs.Length, slice.BaseIndex!.Value, parameters, seed), inputs);
    }

    public void Dispose()
    {
        foreach (SafetensorsFile file in _files.Values) file.Dispose();
    }

    private static float Round(float x, DType? dtype) =>
        dtype == DType.BF16 ? (float)(BFloat16)x : dtype == DType.F16 ? (float)(Half)x : x;

    /// <summary>The common type of a tensor's inputs.</summary>
    private DType OutputType(Recipe recipe, RecipeSlice slice, string tensor)
    {
        if (recipe.DType is { } given) return given;
        DType[] types = [.. slice.Sources.Select(s => Model(s.Model.Path)[tensor].DType).Distinct()];
        return types.Length == 1 ? types[0] : DType.F32;
    }

    private SafetensorsFile Open(params string[] path)
    {
        string file = Path.Combine([_root, .. path]);
        if (!_files.TryGetValue(file, out SafetensorsFile? opened)) _files[file] = opened = SafetensorsFile.Open(file);
        return opened;
    }

    private SafetensorsFile Model(string path) => _full ? Open(path, "model.safetensors") : Open($"{Path.GetFileName(path)}.safetensors");

    private double StatedDifference(string name)
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(_root, _full ? "cases.json" : "float64_max_abs.json")));
        return _full
            ? json.RootElement.GetProperty("cases").EnumerateArray().First(c => c.GetProperty("name").GetString() == name).GetProperty("float64_max_abs").GetDouble()
            : json.RootElement.GetProperty(name).GetDouble();
    }

    private IEnumerable<(string Tensor, double[] Expected, byte[]? Ambiguous)> Expected(string name)
    {
        SafetensorsFile expected = _full ? Open("cases", name, "expected", "model.safetensors") : Open("expected.safetensors");
        string marks = Path.Combine(_root, "cases", name, "ambiguous.safetensors"), prefix = _full ? "" : $"{name}/";
        SafetensorsFile? ambiguous = !_full ? expected : File.Exists(marks) ? Open(marks) : null;
        foreach (TensorEntry entry in expected.Tensors)
        {
            if (!entry.Name.StartsWith(prefix, StringComparison.Ordinal) || entry.DType is not (DType.F32 or DType.BF16 or DType.F16 or DType.F64)) continue;
            string tensor = entry.Name[prefix.Length..], mark = _full ? tensor : $"{name}/ambiguous/{tensor}";
            double[] values = entry.DType == DType.F64
                ? MemoryMarshal.Cast<byte, double>(expected.GetSpan(entry.Name)).ToArray()
                : Array.ConvertAll(expected.ReadFloat32(entry.Name), x => (double)x);
            yield return (tensor, values, ambiguous is not null && ambiguous.TryGet(mark, out _) ? ambiguous.GetSpan(mark).ToArray() : null);
        }
    }
}
