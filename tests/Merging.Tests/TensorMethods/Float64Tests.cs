using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Recipes.Catalog;
using MergeEngine.Merging.Recipes.Parameters;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tests.Support;
using TensorMethodTable = MergeEngine.Merging.TensorMethods.TensorMethods;

namespace MergeEngine.Merging.Tests.TensorMethods;

/// <summary>
/// Two programs for every method, chunks in float32 on a device and whole tensors in float64, held against each other over random models. Values are multiples of 1/64, whose
/// differences float32 holds, so both must choose the same elements, equal magnitudes included. The device sums in float64 and rounds once: half a unit of the result's last
/// place, 2⁻²⁴ of it, and 1e-13 for what the order of sums does in float64.
/// </summary>
public sealed class Float64Tests
{
    private static readonly Dictionary<string, string> s_perModel = new()
    {
        ["linear"] = "weight: W",
        ["passthrough"] = "scale: W",
        ["nuslerp"] = "weight: W",
        ["multislerp"] = "weight: W",
        ["task_arithmetic"] = "weight: W",
        ["ties"] = "weight: W, density: 0.4",
        ["dare_linear"] = "weight: W, density: 0.4",
        ["dare_ties"] = "weight: W, density: 0.4",
        ["breadcrumbs"] = "weight: W, density: 0.5, gamma: 0.1",
        ["breadcrumbs_ties"] = "weight: W, density: 0.5, gamma: 0.1",
        ["della"] = "weight: W, density: 0.5, epsilon: 0.3",
        ["lines"] = "weight: W",
        ["consensus"] = "weight: W, mask_lambda: 0.375",
        ["della_linear"] = "weight: W, density: 0.5, epsilon: 0.3",
    };

    /// <summary>Parameters that make a method do what it can; several lines are several runs.</summary>
    private static readonly (string Method, string Shared)[] s_runs =
    [
        ("linear", ""), ("linear", "normalize: false"), ("passthrough", ""), ("slerp", "t: 0.3"), ("slerp", "t: 1"), ("nuslerp", ""), ("nuslerp", "nuslerp_flatten: false"),
        ("nuslerp", "nuslerp_flatten: false, nuslerp_row_wise: true"), ("multislerp", ""), ("karcher", "max_iter: 50, tol: 0.000000001"), ("model_stock", ""),
        ("model_stock", "filter_wise: true"), ("nearswap", "t: 0.0625"), ("arcee_fusion", ""),
        ("task_arithmetic", "lambda: 0.7"), ("task_arithmetic", "lambda: 0.7, normalize: true"), ("ties", "lambda: 1.2"), ("ties", "normalize: false, rescale: true"),
        ("dare_linear", ""), ("dare_ties", "lambda: 0.7"), ("breadcrumbs", "rescale: true"), ("breadcrumbs_ties", "normalize: true"), ("della", ""), ("della_linear", "rescale: false"),
        ("sce", ""), ("sce", "select_topk: 0.5"), ("ram", "epsilon: 0.05"), ("ramplus_tl", "epsilon: 0.05, r: 0.3, alpha: 0.5"), ("magmax", "lambda: 0.5"),
        ("lines", "alpha: 0.3, beta: 0.5"), ("consensus", "lambda: 0.7"), ("consensus", "lambda: 0.7, least_models: 1"), ("emr", "lambda: 0.5"),
    ];

    public static TheoryData<string, string, string> Runs => new(
        from run in s_runs
        from dialect in run.Method == "model_stock" ? new[] { "mergekit", "paper" } : run.Method is "magmax" or "lines" or "consensus" or "emr" ? ["paper"] : ["mergekit"]
        select (run.Method, run.Shared, dialect));

    [Fact]
    public void Every_method_of_mergekit_has_a_float64_form()
    {
        foreach (MethodDescription method in MethodTable.All.Where(m => m.Dialect == Dialect.Mergekit))
            Assert.True(TensorMethodTable.Find(method.Name) is { HasFloat64: true }, $"'{method.Name}' merges in float32 only.");
    }

    [Theory]
    [MemberData(nameof(Runs))]
    public void Float32_chunks_differ_from_float64_by_one_rounding(string method, string shared, string dialect)
    {
        using Device device = DeviceCases.Open("cpu", 2);
        for (int seed = 0; seed < 30; seed++)
        {
            var random = new Random(seed);
            Shape shape = random.Next(3) == 0 ? new Shape(random.Next(1, 60)) : new Shape(random.Next(1, 12), random.Next(1, 40));
            int models = method is "slerp" or "nearswap" or "arcee_fusion" or "passthrough" ? 1 : method == "nuslerp" ? 2 : random.Next(2, 6);
            bool listsBase = method is not ("linear" or "passthrough" or "karcher") && (method is not ("nuslerp" or "multislerp") || random.Next(2) == 0);

            // The variance of two or four small integers is a float32, and selections by it are the same in both.
            if (method == "sce") models = 2 * random.Next(1, 3);
            RecipeSlice slice = Slice(method, shared, dialect, models, listsBase, random);
            float[][] inputs = [.. Enumerable.Range(0, slice.Sources.Count).Select(_ => Draw(random, shape, method == "arcee_fusion"))];
            var place = new TensorPlace("layers.0.weight", null, LayerPosition.Outside);
            float[] merged = TensorRun.Merge(device, slice, place, shape, inputs, random);
            double[] expected = TensorRun.MergeFloat64(slice, place, shape, inputs);
            for (int e = 0; e < merged.Length; e++)
            {
                double bound = (Math.ScaleB(1, -24) * Math.Abs(expected[e])) + 1e-13;
                Assert.True(Math.Abs(merged[e] - expected[e]) <= bound, $"seed {seed}, {shape}[{e}]: {merged[e]:R} in float32, {expected[e]:R} in float64; inputs {string.Join(' ', inputs.Select(x => x[e]))}");
            }
        }
    }

    /// <summary>NaN and infinities of models and base: both programs have them in the same places, with the same signs, and no other place is spoilt in one of them alone.</summary>
    [Theory]
    [MemberData(nameof(Runs))]
    public void What_is_not_finite_comes_out_alike(string method, string shared, string dialect)
    {
        using Device device = DeviceCases.Open("cpu", 2);
        float[] bad = [float.PositiveInfinity, float.NegativeInfinity, float.NaN];
        for (int seed = 0; seed < 60; seed++)
        {
            var random = new Random(seed);
            // Now and then large enough that limits are foretold from a sample.
            Shape shape = seed % 20 == 9 ? new Shape(random.Next(2, 6), 6000) : new Shape(random.Next(1, 6), random.Next(1, 20));
            int models = method is "slerp" or "nearswap" or "arcee_fusion" or "passthrough" ? 1 : method == "nuslerp" ? 2 : 4;
            RecipeSlice slice = Slice(method, shared, dialect, models, method is not ("linear" or "passthrough" or "karcher"), random);
            float[][] inputs = [.. Enumerable.Range(0, slice.Sources.Count).Select(_ => Draw(random, shape, method == "arcee_fusion"))];
            for (int k = seed % 9; k >= 0; k--) inputs[random.Next(inputs.Length)][random.Next((int)shape.ElementCount)] = bad[seed % 5 < 3 ? seed % 5 : random.Next(3)];
            var place = new TensorPlace("layers.0.weight", null, LayerPosition.Outside);
            float[] merged = TensorRun.Merge(device, slice, place, shape, inputs, random);
            double[] expected = TensorRun.MergeFloat64(slice, place, shape, inputs);
            for (int e = 0; e < merged.Length; e++)
            {
                bool alike = double.IsFinite(expected[e]) ? Math.Abs(merged[e] - expected[e]) <= (Math.ScaleB(1, -24) * Math.Abs(expected[e])) + 1e-13 : ((double)merged[e]).Equals(expected[e]);
                Assert.True(alike, $"seed {seed}, {shape}[{e}]: {merged[e]:R} in float32, {expected[e]:R} in float64; inputs {string.Join(' ', inputs.Select(x => x[e]))}");
            }
        }
    }

    /// <summary>A vector is the hardest: it is one row. What is said is what plans count; 1/8 more is for flags, and 64 KiB for what does not grow.</summary>
    [Theory]
    [MemberData(nameof(Runs))]
    public void A_float64_merge_takes_no_more_than_is_planned_for(string method, string shared, string dialect)
    {
        const int length = 200_000;
        var random = new Random(3);
        int models = method is "slerp" or "nearswap" or "arcee_fusion" or "passthrough" ? 1 : method == "nuslerp" ? 2 : 4;
        RecipeSlice slice = Slice(method, shared, dialect, models, method is not ("linear" or "passthrough" or "karcher"), random);
        var shape = new Shape(length);
        float[][] inputs = [.. Enumerable.Range(0, slice.Sources.Count).Select(_ => Draw(random, shape, true))];
        var place = new TensorPlace("layers.0.bias", null, LayerPosition.Outside);
        TensorRun.MergeFloat64(slice, place, shape, inputs);
        long before = GC.GetAllocatedBytesForCurrentThread();
        TensorRun.MergeFloat64(slice, place, shape, inputs);
        long arrays = slice.Sources.Count + 1 + TensorMethodTable.Find(slice.Method.Name, slice.Method.Dialect)!.Float64Arrays(models);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, (arrays * length * sizeof(double) * 9 / 8) + 65_536);
    }

    [Theory]
    [InlineData("ties")]
    [InlineData("della")]
    [InlineData("breadcrumbs")]
    public void Equal_differences_of_zero_leave_the_base_bit_for_bit(string method)
    {
        RecipeSlice slice = Slice(method, "", "mergekit", 2, true, new Random(1));
        float[] values = [1f / 3, -0f, 0, 5e-42f];
        double[] merged = TensorRun.MergeFloat64(slice, new TensorPlace("w", null, LayerPosition.Outside), new Shape(2, 2), [values, values, values]);
        Assert.Equal(values.Select(v => BitConverter.DoubleToInt64Bits(v)), merged.Select(BitConverter.DoubleToInt64Bits));
    }

    private static RecipeSlice Slice(string method, string shared, string dialect, int models, bool listsBase, Random random) => TensorRun.Slice(
        method,
        [.. Enumerable.Range(0, models).Select(k => s_perModel.TryGetValue(method, out string? numbers)
            ? $"m{k} {numbers.Replace("W", (random.Next(1, 9) / 8.0).ToString("r", System.Globalization.CultureInfo.InvariantCulture), StringComparison.Ordinal)}"
            : $"m{k}")],
        listsBase ? "base" : null, shared, dialect == "paper" ? Dialect.Paper : null);

    private static float[] Draw(Random random, Shape shape, bool isFine)
    {
        var values = new float[shape.ElementCount];
        foreach (ref float value in values.AsSpan()) value = isFine ? (float)(random.NextDouble() - 0.5) : random.Next(-12, 13) / 64f;
        return values;
    }
}
