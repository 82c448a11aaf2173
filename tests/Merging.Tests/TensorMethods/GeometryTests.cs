using FsCheck;
using FsCheck.Fluent;
using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Recipes.Catalog;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.TensorMethods;

/// <summary>
/// What holds for averages and spherical merges whatever the numbers, and their definitions in float64, written plainly. Results are float64 sums rounded once, so a definition is met
/// to half a unit in the last place and what the sums lose, 2⁻²³ of the result in all.
/// </summary>
public sealed class GeometryTests
{
    private const int Rows = 9, Columns = 37;

    private static readonly Shape s_shape = new(Rows, Columns);
    private static readonly TensorPlace s_place = new("layers.0.w", null, 0);

    /// <summary>Every method in every form, over models of which the base, if there is one, is the last input.</summary>
    private static readonly Dictionary<string, RecipeSlice> s_slices = new()
    {
        ["linear"] = TensorRun.Slice("linear", ["a weight: 0.3", "b weight: 1.1", "c weight: -0.2"]),
        ["passthrough"] = TensorRun.Slice("passthrough", ["a scale: 0.7"]),
        ["slerp"] = TensorRun.Slice("slerp", ["a"], "c", "t: 0.3"),
        ["nuslerp"] = TensorRun.Slice("nuslerp", ["a weight: 0.4", "b weight: 0.7"]),
        ["nuslerp by rows"] = TensorRun.Slice("nuslerp", ["a weight: 0.4", "b weight: 0.7"], null, "nuslerp_flatten: false"),
        ["nuslerp by columns"] = TensorRun.Slice("nuslerp", ["a weight: 0.4", "b weight: 0.7"], null, "nuslerp_flatten: false, nuslerp_row_wise: true"),
        ["nuslerp from a base"] = TensorRun.Slice("nuslerp", ["a weight: 0.4", "b weight: 0.7"], "c"),
        ["nuslerp by rows from a base"] = TensorRun.Slice("nuslerp", ["a weight: 0.4", "b weight: 0.7"], "c", "nuslerp_flatten: false"),
        ["nuslerp by columns from a base"] = TensorRun.Slice("nuslerp", ["a weight: 0.4", "b weight: 0.7"], "c", "nuslerp_flatten: false, nuslerp_row_wise: true"),
        ["multislerp"] = TensorRun.Slice("multislerp", ["a weight: 0.4", "b weight: 0.7", "d weight: 0.2"]),
        ["multislerp from a base"] = TensorRun.Slice("multislerp", ["a weight: 0.4", "b weight: 0.7"], "c"),
        ["karcher"] = TensorRun.Slice("karcher", ["a", "b", "c"], null, "max_iter: 50, tol: 1e-12"),
        ["model_stock"] = TensorRun.Slice("model_stock", ["a", "b"], "c"),
        ["model_stock by rows"] = TensorRun.Slice("model_stock", ["a", "b"], "c", "filter_wise: true"),
        ["model_stock of the paper"] = TensorRun.Slice("model_stock", ["a", "b", "d"], "c", "", Dialect.Paper),
        ["nearswap"] = TensorRun.Slice("nearswap", ["a"], "c", "t: 0.01"),
        ["arcee_fusion"] = TensorRun.Slice("arcee_fusion", ["a"], "c"),
    };

    public static TheoryData<string> Methods { get; } = new(s_slices.Keys);

    public static TheoryData<string, string> OnDevices { get; } = new(from method in s_slices.Keys from device in DeviceCases.Kinds select (method, device));

    /// <summary>Models near each other, of any magnitude, with zeros and signs of zero among them.</summary>
    private static float[][] Models(int seed, int count, double scale = 1)
    {
        var random = new System.Random(seed);
        double[] common = [.. Enumerable.Range(0, Rows * Columns).Select(_ => random.NextDouble() - 0.5)];
        return [.. Enumerable.Range(0, count).Select(_ => common.Select(x => random.Next(20) == 0 ? -0f : (float)(scale * (x + (0.2 * (random.NextDouble() - 0.5))))).ToArray())];
    }

    [Theory]
    [MemberData(nameof(OnDevices))]
    public void Any_chunks_give_the_same_bits(string method, string deviceName)
    {
        using Device device = DeviceCases.Open(deviceName);
        RecipeSlice slice = s_slices[method];
        float[][] inputs = Models(1, slice.Sources.Count);
        uint[] whole = Bits(TensorRun.Merge(device, slice, s_place, s_shape, inputs));
        int runs = DeviceCases.IsCuda(deviceName) ? 2 : 8;
        for (int seed = 0; seed < runs; seed++) Assert.Equal(whole, Bits(TensorRun.Merge(device, slice, s_place, s_shape, inputs, new System.Random(seed))));
        Assert.Equal(0, device.AllocatedBytes);
    }

    /// <summary>The reference takes the exponentials of arcee_fusion from the framework: the importance of an element may lie within a rounding of the threshold there and not elsewhere.</summary>
    [Theory]
    [MemberData(nameof(Methods))]
    public void Every_device_gives_the_same_bits(string method)
    {
        RecipeSlice slice = s_slices[method];
        float[][] inputs = Models(2, slice.Sources.Count);
        using Device reference = Device.Open(method == "arcee_fusion" ? "cpu" : "reference");
        uint[] expected = Bits(TensorRun.Merge(reference, slice, s_place, s_shape, inputs));
        foreach (string name in DeviceCases.Names.Where(n => !DeviceCases.IsCuda(n) || CudaUnderTest.IsHere))
        {
            using Device device = DeviceCases.Open(name);
            Assert.Equal(expected, Bits(TensorRun.Merge(device, slice, s_place, s_shape, inputs)));
        }
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void Identical_models_merge_to_themselves(string method) => Check((seed, device) =>
    {
        if (method == "passthrough") return;
        float[] x = Models(seed, 1)[0];
        Assert.Equal(x, TensorRun.Merge(device, s_slices[method], s_place, s_shape, [.. s_slices[method].Sources.Select(_ => x)]));
    });

    /// <summary>A power of two scales every input exactly, so it must scale the result exactly; nearswap and arcee_fusion have magnitudes of their own, and mergekit's model_stock a least product of lengths, which these do not reach.</summary>
    [Theory]
    [MemberData(nameof(Methods))]
    public void Scaled_models_give_the_scaled_merge(string method) => Check((seed, device) =>
    {
        if (method is "nearswap" or "arcee_fusion" || method.StartsWith("multislerp", StringComparison.Ordinal)) return;
        float[][] inputs = Models(seed, s_slices[method].Sources.Count);
        float[] once = TensorRun.Merge(device, s_slices[method], s_place, s_shape, inputs);
        Assert.Equal(once.Select(v => v * 8), TensorRun.Merge(device, s_slices[method], s_place, s_shape, [.. inputs.Select(x => x.Select(v => v * 8).ToArray())]));
    });

    /// <summary>Sums in another order differ in their last bits, 2⁻²³ of values below 1 after rounding.</summary>
    [Fact]
    public void The_order_of_models_does_not_matter() => Check((seed, device) =>
    {
        float[][] x = Models(seed, 4);
        foreach ((string method, bool hasBase) in new[] { ("karcher", false), ("model_stock", true) })
        {
            string[] names = ["a", "b", "d"];
            string? origin = hasBase ? "c" : null;
            float[] one = TensorRun.Merge(device, TensorRun.Slice(method, names, origin), s_place, s_shape, hasBase ? x : x[..3]);
            float[] other = TensorRun.Merge(device, TensorRun.Slice(method, names, origin), s_place, s_shape, hasBase ? [x[2], x[0], x[1], x[3]] : [x[2], x[0], x[1]]);
            Near(Array.ConvertAll(one, v => (double)v), other);
        }
    });

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Interpolation_reaches_its_ends_bit_for_bit(int t)
    {
        using Device device = Device.Open("cpu", 2);
        float[][] x = Models(5, 3);
        x[0][3] = -0f;
        x[1][3] = -0f;
        Assert.Equal(Bits(x[1 - t]), Bits(TensorRun.Merge(device, TensorRun.Slice("slerp", ["a"], "c", $"t: {t}"), s_place, s_shape, x[..2])));
        string[] models = [$"a weight: {1 - t}", $"b weight: {t}"];
        foreach (string parameters in new[] { "", "nuslerp_flatten: false", "nuslerp_flatten: false, nuslerp_row_wise: true" })
        {
            Assert.Equal(Bits(x[t]), Bits(TensorRun.Merge(device, TensorRun.Slice("nuslerp", models, null, parameters), s_place, s_shape, x[..2])));
            Assert.Equal(Bits(x[t]), Bits(TensorRun.Merge(device, TensorRun.Slice("nuslerp", models, "c", parameters), s_place, s_shape, x)));
        }
    }

    [Fact]
    public void Vectors_without_an_angle_are_taken_on_the_straight_line()
    {
        using Device device = Device.Open("cpu", 2);
        float[] a = Models(6, 1)[0], opposite = [.. a.Select(v => -v)], zero = new float[a.Length];
        foreach (float[] b in new[] { opposite, zero })
        {
            double[] expected = [.. a.Zip(b, (p, q) => (0.75 * p) + (0.25 * q))];
            Near(expected, TensorRun.Merge(device, TensorRun.Slice("slerp", ["a"], "c", "t: 0.75"), s_place, s_shape, [a, b]));
            foreach (string parameters in new[] { "", "nuslerp_flatten: false", "nuslerp_flatten: false, nuslerp_row_wise: true" })
            {
                RecipeSlice slice = TensorRun.Slice("nuslerp", ["a weight: 0.75", "b weight: 0.25"], null, parameters);
                Near(expected, TensorRun.Merge(device, slice, s_place, s_shape, [a, b]));
                Near([.. expected.Select(v => v + 2)], TensorRun.Merge(device, TensorRun.Slice("nuslerp", ["a weight: 0.75", "b weight: 0.25"], "c", parameters), s_place, s_shape,
                    [[.. a.Select(v => v + 2)], [.. b.Select(v => v + 2)], [.. a.Select(_ => 2f)]]), 4);
            }

            Near([.. a.Zip(b, (p, q) => (p + q) / 2.0)], TensorRun.Merge(device, TensorRun.Slice("karcher", ["a", "b"]), s_place, s_shape, [a, b]));
        }
    }

    [Fact]
    public void An_untouched_tensor_stays_as_it_is()
    {
        using Device device = Device.Open("cpu", 2);
        float[] x = Models(7, 1)[0];
        foreach (string method in new[] { "multislerp", "model_stock", "nearswap", "arcee_fusion" })
        {
            string[] models = method is "nearswap" or "arcee_fusion" ? ["a"] : method == "multislerp" ? ["a weight: 0.2", "b weight: 0.3", "d weight: 0.9"] : ["a", "b", "d"];
            Assert.Equal(x, TensorRun.Merge(device, TensorRun.Slice(method, models, "c", method == "nearswap" ? "t: 0.1" : ""), s_place, s_shape, [.. models.Select(_ => x), x]));
        }
    }

    [Fact]
    public void Weights_that_cancel_are_refused_with_a_sentence()
    {
        foreach (string method in new[] { "linear", "multislerp" })
        {
            Exception problem = Assert.ThrowsAny<Exception>(() => TensorRun.Merge(Device.Open("reference"), TensorRun.Slice(method, ["a weight: 0.5", "b weight: -0.5"]), s_place, s_shape, Models(1, 2)));
            Assert.Contains("weights sum to 0", problem.Message, StringComparison.Ordinal);
        }
    }

    /// <summary>mergekit's cosine of such a model is NaN, and with it the share of all; without an angle the paper's takes the model for perpendicular.</summary>
    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void One_value_that_is_not_finite_makes_all_of_mergekits_model_stock_nan_and_one_value_of_the_papers(float value)
    {
        using Device device = Device.Open("cpu", 1);
        float[][] x = Models(29, 4);
        x[1][40] = value;
        int NotFinite(params string[] form) =>
            TensorRun.Merge(device, TensorRun.Slice("model_stock", ["a", "b", "d"], "c", form[0], form[1] == "paper" ? Dialect.Paper : Dialect.Mergekit), s_place, s_shape, x).Count(v => !float.IsFinite(v));
        Assert.Equal(Rows * Columns, NotFinite("", "mergekit"));
        Assert.Equal(Columns, NotFinite("filter_wise: true", "mergekit"));
        Assert.Equal(1, NotFinite("", "paper"));
        Assert.Equal(1, NotFinite("filter_wise: true", "paper"));
    }

    [Fact]
    public void Model_stock_of_the_paper_takes_the_cosine_of_the_mean_angle_and_stays_between()
    {
        using Device device = Device.Open("cpu", 2);
        float[][] x = Models(8, 4);
        double[][] d = [.. x[..3].Select(m => m.Zip(x[3], (p, q) => (double)p - q).ToArray())];
        double angle = new[] { (0, 1), (0, 2), (1, 2) }.Average(p => Math.Acos(Dot(d[p.Item1], d[p.Item2]) / Math.Sqrt(Dot(d[p.Item1], d[p.Item1]) * Dot(d[p.Item2], d[p.Item2]))));
        double c = Math.Cos(angle), t = 3 * c / (1 + (2 * c));
        RecipeSlice slice = TensorRun.Slice("model_stock", ["a", "b", "d"], "c", "", Dialect.Paper);
        Near([.. Enumerable.Range(0, x[0].Length).Select(e => x[3][e] + (t * (d[0][e] + d[1][e] + d[2][e]) / 3))], TensorRun.Merge(device, slice, s_place, s_shape, x));
        float[] apart = [.. x[3].Zip(x[0], (b, a) => b - (a - b))];
        Near(Array.ConvertAll(x[3], v => (double)v), TensorRun.Merge(device, TensorRun.Slice("model_stock", ["a", "b"], "c", "", Dialect.Paper), s_place, s_shape, [x[0], apart, x[3]]));
    }

    /// <summary>The definition with full tensors for every iteration, where the engine iterates on the Gram matrix.</summary>
    [Fact]
    public void The_barycentre_is_that_of_an_iteration_over_whole_tensors()
    {
        using Device device = Device.Open("cpu", 2);
        float[][] x = [.. Models(9, 1, 3), .. Models(10, 1), .. Models(11, 1, 0.5)];
        double[][] units = [.. x.Select(v => v.Select(e => e / Math.Sqrt(v.Sum(f => (double)f * f))).ToArray())];
        double[] u = Unit([.. Enumerable.Range(0, x[0].Length).Select(e => units.Sum(v => v[e]))]);
        for (int n = 0; n < 60; n++)
        {
            var tangent = new double[u.Length];
            foreach (double[] v in units)
            {
                double cosine = Dot(u, v), theta = Math.Acos(cosine);
                for (int e = 0; e < u.Length; e++) tangent[e] += theta / Math.Sin(theta) / 3 * (v[e] - (cosine * u[e]));
            }

            double step = Math.Sqrt(Dot(tangent, tangent));
            if (step < 1e-14) break;
            u = Unit([.. u.Select((e, i) => (Math.Cos(step) * e) + (Math.Sin(step) * tangent[i] / step))]);
        }

        double length = x.Average(v => Math.Sqrt(v.Sum(f => (double)f * f)));
        Near([.. u.Select(e => e * length)], TensorRun.Merge(device, TensorRun.Slice("karcher", ["a", "b", "c"], null, "max_iter: 60, tol: 1e-13"), s_place, s_shape, x), 2);
    }

    /// <summary>Median and quartiles from a full sort, divergences by their definition.</summary>
    [Fact]
    public void What_arcee_fusion_keeps_is_what_a_sort_says()
    {
        using Device device = Device.Open("cpu", 2);
        float[][] x = Models(12, 2);
        double[] importance = new double[x[0].Length];
        for (int row = 0; row < Rows; row++)
        {
            double[] Softmax(float[] v) => [.. v[(row * Columns)..((row + 1) * Columns)].Select(e => (Math.Exp(e) / v[(row * Columns)..((row + 1) * Columns)].Sum(f => Math.Exp(f))) + 1e-8)];
            double divergence = Softmax(x[0]).Zip(Softmax(x[1]), (p, q) => p * Math.Log(p / q)).Sum();
            for (int c = 0; c < Columns; c++) importance[(row * Columns) + c] = Math.Abs((double)x[0][(row * Columns) + c] - x[1][(row * Columns) + c]) * divergence;
        }

        double[] sorted = [.. importance.Order()];
        double Rank(double share) => sorted[(int)(share * (sorted.Length - 1))];
        double threshold = Rank(0.5) + (1.5 * (Rank(0.75) - Rank(0.25)));
        Assert.DoesNotContain(importance, i => Math.Abs(i - threshold) < 1e-6 * threshold);
        Assert.InRange(importance.Count(i => i >= threshold), 1, importance.Length / 2);
        Assert.Equal(importance.Select((i, e) => i >= threshold ? x[0][e] : x[1][e]), TensorRun.Merge(device, s_slices["arcee_fusion"], s_place, s_shape, x, new System.Random(3)));
    }

    private static void Check(Action<int, Device> body)
    {
        using Device device = Device.Open("cpu", 2);
        Prop.ForAll(ArbMap.Default.ArbFor<int>(), seed => body(seed, device)).Check(Config.QuickThrowOnFailure.WithMaxTest(20).WithQuietOnSuccess(true));
    }

    private static void Near(double[] expected, float[] found, double largest = 1)
    {
        double bound = Math.ScaleB(Math.Max(largest, expected.Max(Math.Abs)), -23);
        for (int e = 0; e < expected.Length; e++) Assert.InRange(found[e] - expected[e], -bound, bound);
    }

    private static double Dot(double[] a, double[] b) => a.Zip(b, (p, q) => p * q).Sum();

    private static double[] Unit(double[] v) => [.. v.Select(e => e / Math.Sqrt(Dot(v, v)))];

    private static uint[] Bits(float[] values) => Array.ConvertAll(values, BitConverter.SingleToUInt32Bits);
}
