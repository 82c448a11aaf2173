using System.Globalization;
using FsCheck;
using FsCheck.Fluent;
using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Recipes.Parameters;
using MergeEngine.Merging.TensorMethods;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.TensorMethods;

/// <summary>What must hold whatever the models are, on tensors full of equal magnitudes, exact cancellations and zeros.</summary>
public sealed class TaskVectorPropertyTests
{
    private const string Thinned = "density: 0.4";

    /// <summary>Every method, with parameters that make it do what it can.</summary>
    private static readonly Dictionary<string, (string PerModel, string Shared)> s_methods = new()
    {
        ["task_arithmetic"] = ("", "lambda: 0.7"),
        ["ties"] = (Thinned, "lambda: 1.2"),
        ["dare_linear"] = (Thinned, "lambda: 0.7"),
        ["dare_ties"] = (Thinned, "lambda: 0.7"),
        ["breadcrumbs"] = (Thinned + ", gamma: 0.1", "rescale: true"),
        ["breadcrumbs_ties"] = (Thinned + ", gamma: 0.1", "lambda: 1.1, normalize: true"),
        ["della"] = (Thinned + ", epsilon: 0.3", "lambda: 0.9"),
        ["della_linear"] = (Thinned + ", epsilon: 0.3", "lambda: 0.9"),
        ["sce"] = ("", "select_topk: 0.5"),
        ["ram"] = ("", "epsilon: 0.05"),
        ["ramplus_tl"] = ("", "epsilon: 0.05, r: 0.3, alpha: 0.5"),
        ["magmax"] = ("", "lambda: 0.5"),
        ["emr"] = ("", "lambda: 0.8"),
    };

    public static TheoryData<string> Methods => [.. s_methods.Keys];

    /// <summary>All but the one that takes the first of opposite differences of one size.</summary>
    public static TheoryData<string> SymmetricMethods => [.. s_methods.Keys.Where(m => m != "magmax")];

    public static TheoryData<string> ThinningMethods => [.. s_methods.Keys.Where(m => s_methods[m].PerModel.Length > 0)];

    public static TheoryData<string, string> MethodsOnDevices => new(from m in s_methods.Keys from d in DeviceCases.Kinds select (m, d));

    [Theory]
    [MemberData(nameof(MethodsOnDevices))]
    public void Chunks_and_devices_do_not_show_in_the_bits(string method, string device)
    {
        using Device opened = DeviceCases.Open(device, 3), reference = Device.Open("reference");
        ForAll(12, 0, (random, shape) =>
        {
            float[][] inputs = Draw(random, shape, random.Next(1, 5));
            float[] whole = Run(method, reference, shape, inputs);
            Equal(whole, Run(method, opened, shape, inputs, cuts: random));
            Equal(whole, Run(method, opened, shape, inputs));
        });
    }

    [Theory]
    [MemberData(nameof(ThinningMethods))]
    [InlineData("sce")]
    public void What_a_merge_may_hold_does_not_show_in_the_bits(string method)
    {
        using Device device = DeviceCases.Open("cpu", 3);
        ForAll(10, 4, (random, shape) =>
        {
            float[][] inputs = Draw(random, shape, 3);
            TensorTask task = Task(method, device, shape, 3, s_methods[method].PerModel, s_methods[method].Shared, null);
            TensorMethod implementation = Merging.TensorMethods.TensorMethods.Find(method)!;
            float[] expected = TensorMethodRun.Merge(implementation, task, inputs, random);
            foreach (long spare in new[] { 0L, 100, shape.ElementCount * 20 }) Equal(expected, TensorMethodRun.Merge(implementation, task with { Spare = spare }, inputs, random));
        });
    }

    [Theory]
    [MemberData(nameof(ThinningMethods))]
    [InlineData("task_arithmetic")]
    [InlineData("magmax")]
    [InlineData("emr")]
    public void Lambda_zero_gives_the_base_bit_for_bit(string method)
    {
        using Device device = DeviceCases.Open("cpu", 2);
        ForAll(10, 1, (random, shape) =>
        {
            float[][] inputs = Draw(random, shape, 3);
            inputs[0][0] = -0f;
            Equal(inputs[0], Run(method, device, shape, inputs, shared: "lambda: 0"));
        });
    }

    [Theory]
    [MemberData(nameof(ThinningMethods))]
    public void Density_one_equals_no_trimming(string method)
    {
        using Device device = DeviceCases.Open("cpu", 2);
        bool elects = method is "della" || method.EndsWith("ties", StringComparison.Ordinal);
        ForAll(10, 2, (random, shape) =>
        {
            float[][] inputs = Draw(random, shape, 3);
            float[] plain = Run(elects ? "ties" : "task_arithmetic", device, shape, inputs, perModel: "", shared: "normalize: false");
            Equal(plain, Run(method, device, shape, inputs, perModel: "density: 1", shared: "normalize: false"));
        });
    }

    /// <summary>Float64 sums in another order, rounded once: a unit in the last place. Random masks belong to a place in the recipe, so nothing is drawn here.</summary>
    [Theory]
    [MemberData(nameof(SymmetricMethods))]
    public void The_order_of_the_models_does_not_matter(string method)
    {
        using Device device = DeviceCases.Open("cpu", 2);
        string perModel = method.StartsWith('d') ? "density: 1" : s_methods[method].PerModel;
        ForAll(15, 3, (random, shape) =>
        {
            float[][] inputs = Draw(random, shape, 4);
            double[] weights = [0.25, 0.5, 0.75, 1];
            int[] order = [0, 1, 2, 3];
            random.Shuffle(order);
            float[] straight = Run(method, device, shape, inputs, perModel, weights: weights);
            float[] shuffled = Run(method, device, shape, [inputs[0], .. order.Select(k => inputs[k + 1])], perModel, weights: [.. order.Select(k => weights[k])]);
            Near([.. straight.Select(x => (double)x)], shuffled);
        });
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void One_model_of_weight_one_is_the_model_within_a_rounding(string method)
    {
        using Device device = DeviceCases.Open("cpu", 2);
        (string perModel, string shared) = method switch
        {
            "sce" => ("", "select_topk: 1"),
            "ram" or "ramplus_tl" => ("", "epsilon: 0"),
            _ => ("", "lambda: 1"),
        };
        ForAll(10, 4, (random, shape) =>
        {
            float[][] inputs = [.. Draw(random, shape, 1).Select(x => Array.ConvertAll(x, v => v * 1.1f))];
            Near(Array.ConvertAll(inputs[1], x => (double)x), Run(method, device, shape, inputs, perModel, shared, weights: [1]), inputs);
        });
    }

    [Fact]
    public void Methods_without_masks_give_the_values_of_a_plain_float64_loop()
    {
        using Device device = DeviceCases.Open("cpu", 3);
        ForAll(60, 5, (random, shape) =>
        {
            int count = random.Next(1, 6);
            float[][] inputs = Draw(random, shape, count), models = inputs[1..];
            double density = random.Next(-1, 12) / 10.0, gamma = random.Next(0, 5) / 10.0, lambda = random.Next(-4, 8) / 4.0;
            (density, bool normalize, bool rescale) = (Math.Clamp(density, 0, 1), random.Next(2) == 0, random.Next(2) == 0);
            double[] weights = [.. Enumerable.Range(0, count).Select(_ => random.Next(-2, 6) / 4.0)];
            string shared = string.Create(CultureInfo.InvariantCulture, $"lambda: {lambda}, normalize: {(normalize ? "true" : "false")}, rescale: {(rescale ? "true" : "false")}");
            foreach (string method in new[] { "task_arithmetic", "ties", "breadcrumbs", "breadcrumbs_ties" })
            {
                bool trims = method != "task_arithmetic", window = method.StartsWith("bread", StringComparison.Ordinal);
                string perModel = !trims ? "" : string.Create(CultureInfo.InvariantCulture, $"density: {density}{(window ? $", gamma: {gamma}" : "")}");
                TaskVectorReference.Model[] numbers = [.. weights.Select(w => new TaskVectorReference.Model(w, trims ? density : 1, gamma))];
                double[] expected = TaskVectorReference.Merge(inputs[0], models, numbers, method.EndsWith("ties", StringComparison.Ordinal), window, normalize, rescale, lambda);
                Near(expected, Run(method, device, shape, inputs, perModel, shared, weights, cuts: random), inputs);
            }

            double share = random.Next(0, 11) / 10.0, epsilon = random.Next(1, 4) / 64.0, r = random.Next(0, 5) / 4.0, alpha = random.Next(0, 5) / 4.0;
            Near(TaskVectorReference.Sce(inputs[0], models, share), Run("sce", device, shape, inputs, "", string.Create(CultureInfo.InvariantCulture, $"select_topk: {share}"), cuts: random), inputs);
            Near(TaskVectorReference.Ram(inputs[0], models, epsilon), Run("ram", device, shape, inputs, "", string.Create(CultureInfo.InvariantCulture, $"epsilon: {epsilon}"), cuts: random), inputs);
            Near(TaskVectorReference.Ram(inputs[0], models, epsilon, r, alpha), Run("ramplus_tl", device, shape, inputs, "", string.Create(CultureInfo.InvariantCulture, $"epsilon: {epsilon}, r: {r}, alpha: {alpha}"), cuts: random), inputs);
        });
    }

    [Fact]
    public void The_largest_difference_is_taken_of_all_or_of_those_that_agree()
    {
        using Device device = DeviceCases.Open("cpu", 2);
        ForAll(20, 6, (random, shape) =>
        {
            float[][] inputs = Draw(random, shape, random.Next(1, 6));
            int n = inputs[0].Length;
            double[][] differences = [.. inputs[1..].Select(x => x.Zip(inputs[0], (a, b) => (double)(a - b)).ToArray())];
            double[] Expected(Func<double[], int, bool> counts) =>
                [.. Enumerable.Range(0, n).Select(i => inputs[0][i] + (0.5 * differences.Where(d => counts(d, i)).Select(d => d[i]).Prepend(0).OrderByDescending(Math.Abs).First()))];
            bool Agrees(double[] d, int i) => differences.Sum(other => other[i]) >= 0 ? d[i] > 0 : d[i] < 0;
            Near(Expected((_, _) => true), Run("magmax", device, shape, inputs, shared: "lambda: 0.5", cuts: random), inputs);
            Near(Expected(Agrees), Run("emr", device, shape, inputs, shared: "lambda: 0.5", cuts: random), inputs);
        });
    }

    /// <summary>Where mergekit stops, zeroes or divides by nothing: scalars, one element, rows of one, an empty tensor, models like the base.</summary>
    [Theory]
    [MemberData(nameof(Methods))]
    public void Tiny_and_untouched_tensors_are_merged_like_others(string method)
    {
        using Device device = DeviceCases.Open("cpu", 2);
        foreach (Shape shape in new[] { new Shape(), new Shape(1), new Shape(3, 1), new Shape(1, 1, 2), new Shape(0), new Shape(0, 5), new Shape(4, 0) })
        {
            float[] origin = [.. Enumerable.Range(0, (int)shape.ElementCount).Select(i => 1f + i)], moved = [.. origin.Select(x => x + 0.5f)];
            foreach (float x in Run(method, device, shape, [origin, moved, moved])) Assert.True(float.IsFinite(x));
            Equal(origin, Run(method, device, shape, [origin, origin, origin]));
        }
    }

    /// <summary>A density of 0.05 of one element is still that element; nothing is cut of 50 elements with a gamma of 1 %.</summary>
    [Fact]
    public void The_last_element_of_a_tensor_is_kept_and_its_largest_not_cut()
    {
        using Device device = DeviceCases.Open("cpu", 2);
        Assert.Equal([3f], Run("ties", device, new Shape(1), [[1], [3]], "density: 0.05", "lambda: 1", [1]));
        Assert.Equal([3f], Run("breadcrumbs", device, new Shape(), [[1], [3]], "density: 0.05, gamma: 0.9", "lambda: 1", [1]));
        float[] origin = new float[50], model = [.. Enumerable.Range(1, 50).Select(i => (float)i)];
        float[] merged = Run("breadcrumbs", device, new Shape(50), [origin, model], "density: 0.9", "lambda: 1", [1]);
        Assert.Equal([.. model.Select(x => x > 5 ? x : 0)], merged);
    }

    /// <summary>A row of one element has no rank: its probability is the density. Six standard deviations of 4000 draws are 0.047.</summary>
    [Fact]
    public void Rows_of_one_element_are_kept_with_the_plain_density()
    {
        using Device device = DeviceCases.Open("cpu", 2);
        float[] origin = new float[4000], model = [.. Enumerable.Repeat(1f, 4000)];
        float[] merged = Run("della_linear", device, new Shape(4000, 1), [origin, model], "density: 0.3, epsilon: 0.2", "rescale: false", [1]);
        Assert.Equal(0.3, merged.Average(x => (double)x), 0.047);
    }

    /// <summary>A kernel [2, 3, 4, 4] has two rows: with epsilon at its largest the smallest of 48 values goes and the largest stays, most of the time.</summary>
    [Fact]
    public void A_convolutions_row_is_a_whole_kernel()
    {
        using Device device = DeviceCases.Open("cpu", 2);
        var shape = new Shape(200, 3, 4, 4);
        float[] model = [.. Enumerable.Range(0, (int)shape.ElementCount).Select(i => (float)(1 + (i % 48)))];
        float[] merged = Run("della_linear", device, shape, [new float[model.Length], model], "density: 0.5, epsilon: 0.49", "rescale: false", [1]);
        double Share(int from) => Enumerable.Range(0, model.Length).Where(i => i % 48 >= from && i % 48 < from + 8).Average(i => merged[i] != 0 ? 1.0 : 0);

        // Ranks 0–7 and 40–47 of 48 have mean probabilities of 0.083 and 0.917; six standard deviations of 1600 draws are 0.042.
        Assert.Equal(0.083, Share(0), 0.042);
        Assert.Equal(0.917, Share(40), 0.042);
    }

    [Fact]
    public void A_nan_in_a_model_shows_in_the_result()
    {
        using Device device = DeviceCases.Open("cpu", 2);
        foreach (string method in new[] { "task_arithmetic", "ties", "breadcrumbs" })
            Assert.True(float.IsNaN(Run(method, device, new Shape(4), [[1, 1, 1, 1], [2, float.NaN, 3, 4]], weights: [1])[1]), method);
    }

    [Fact]
    public void A_task_without_a_base_is_refused()
    {
        using Device device = DeviceCases.Open("cpu", 1);
        foreach (TensorMethod method in Merging.TensorMethods.TensorMethods.All.Where(m => m.GetType().Namespace!.EndsWith("TaskVectors", StringComparison.Ordinal)))
        {
            TensorTask task = Task(method.Name, device, new Shape(2), 1, "", "", [1]) with { Base = -1 };
            Assert.Contains("differences from a base", Assert.Throws<ArgumentException>(() => method.Begin(task)).Message, StringComparison.Ordinal);
        }
    }

    private static void ForAll(int count, int salt, Action<Random, Shape> holds)
    {
        Gen<(int Seed, int Rows, int Columns)> gen = from seed in Gen.Choose(0, int.MaxValue) from rows in Gen.Choose(1, 9) from columns in Gen.Choose(1, 150) select (seed, rows, columns);
        Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(count).WithReplay((ulong)(17 + salt), 17),
            Prop.ForAll(gen.ToArbitrary(), x => holds(new Random(x.Seed), x.Rows == 1 ? new Shape(x.Columns) : new Shape(x.Rows, x.Columns))));
    }

    /// <summary>A base and models: multiples of 1/64 from a short range.</summary>
    private static float[][] Draw(Random random, Shape shape, int models)
    {
        float[] origin = [.. Enumerable.Range(0, (int)shape.ElementCount).Select(_ => random.Next(-40, 41) / 64f)];
        return [origin, .. Enumerable.Range(0, models).Select(_ => origin.Select(x => x + (random.Next(-6, 7) / 64f)).ToArray())];
    }

    private static float[] Run(
        string method, Device device, Shape shape, float[][] inputs, string? perModel = null, string? shared = null, double[]? weights = null, Random? cuts = null) =>
        TensorMethodRun.Merge(
            Merging.TensorMethods.TensorMethods.Find(method)!,
            Task(method, device, shape, inputs.Length - 1, perModel ?? s_methods[method].PerModel, shared ?? s_methods[method].Shared, weights), inputs, cuts);

    /// <summary>The base is input 0.</summary>
    private static TensorTask Task(string method, Device device, Shape shape, int models, string perModel, string shared, double[]? weights)
    {
        bool weighs = method is not ("sce" or "ram" or "ramplus_tl" or "magmax" or "emr");
        var lines = new List<string> { $"merge_method: {method}", "base_model: models/base", $"parameters: {{{shared}}}", "models:", "  - model: models/base" };
        for (int k = 0; k < models; k++)
        {
            string weight = weighs ? string.Create(CultureInfo.InvariantCulture, $"weight: {weights?[k] ?? 0.5 - (0.2 * (k % 3))}, ") : "";
            lines.Add($"  - {{model: models/m{k}, parameters: {{{weight}{perModel}}}}}");
        }

        RecipeSlice slice = RecipeText.ReadSlice(string.Join('\n', lines));
        TensorParameters parameters = slice.At(new TensorPlace("t.weight", null, LayerPosition.Outside));
        return new TensorTask(device, "t.weight", shape, models + 1, slice.BaseIndex!.Value, parameters, 5);
    }

    private static void Equal(float[] expected, float[] found) =>
        Assert.Equal(Array.ConvertAll(expected, BitConverter.SingleToUInt32Bits), Array.ConvertAll(found, BitConverter.SingleToUInt32Bits));

    /// <summary>Half a unit of the last place for the one rounding, and for each difference one that may have been inexact; small sums of float64 errors beside.</summary>
    private static void Near(double[] expected, float[] found, float[][]? inputs = null)
    {
        Assert.Equal(expected.Length, found.Length);
        for (int i = 0; i < found.Length; i++)
        {
            double size = Math.Abs(expected[i]) + (inputs is null ? 0 : inputs.Sum(x => Math.Abs((double)x[i] - inputs[0][i])));
            Assert.True(Math.Abs(found[i] - expected[i]) <= (size * Math.Pow(2, -23)) + 1e-14, $"Element {i} is {found[i]:g9}, expected {expected[i]:g17}.");
        }
    }
}
