using System.Globalization;
using MergeEngine.Merging.TensorMethods;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Tensors;
using MergeEngine.Tests.Support;
using static MergeEngine.Merging.Tests.TensorMethods.TaskVectorRuns;

namespace MergeEngine.Merging.Tests.TensorMethods;

/// <summary>What must hold whatever the models are, on tensors full of equal magnitudes, exact cancellations and zeros.</summary>
public sealed class TaskVectorPropertyTests
{
    public static TheoryData<string> Methods => [.. Parameters.Keys];

    /// <summary>All but the one that takes the first of opposite differences of one size.</summary>
    public static TheoryData<string> SymmetricMethods => [.. Parameters.Keys.Where(m => m != "magmax")];

    public static TheoryData<string> ThinningMethods => [.. Parameters.Keys.Where(m => Parameters[m].PerModel.Length > 0)];

    public static TheoryData<string, string> MethodsOnDevices => new(from m in Parameters.Keys from d in DeviceCases.Kinds select (m, d));

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
            TensorTask task = Task(method, device, shape, 3, Parameters[method].PerModel, Parameters[method].Shared, null);
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
        string perModel = method.StartsWith('d') ? "density: 1" : Parameters[method].PerModel;
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
}
