using MergeEngine.Merging.Methods;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Models.Training;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Methods;

/// <summary>A coefficient for every task and layer, and the gradient by each.</summary>
public sealed class GroupedTaskArithmeticTests
{
    public static TheoryData<string> Devices => [.. DeviceCases.Names];

    /// <summary>With fewer tasks than one pass takes, as many, and more.</summary>
    public static TheoryData<string, int> Kinds => new(
        from device in DeviceCases.Kinds from tasks in new[] { 1, 7, 17 } select (device, tasks));

    [Fact]
    public void Layers_are_found_by_their_names_and_neighbours_are_one_stretch()
    {
        var layout = new ParameterLayout(new[] { "embed", "h.0.a", "h.0.b", "h.1.a", "h.10.a", "norm", "z.layers.1.w" }.Select(name => KeyValuePair.Create(name, new Shape(5))));
        CoefficientGroups layers = CoefficientGroups.Layers(layout);
        Assert.Equal(["outside", "h.0", "h.1", "h.10", "z.layers.1"], layers.Names);
        Assert.Equal([(0L, 5L, 0), (16L, 37L, 1), (48L, 53L, 2), (64L, 69L, 3), (80L, 85L, 0), (96L, 101L, 4)], layers.Runs.ToArray());
        Assert.Equal([(0L, 101L, 0)], CoefficientGroups.Whole(layout).Runs.ToArray());
        Assert.Equal(layout.Parameters.Select(p => p.Name), CoefficientGroups.Tensors(layout).Names);
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void One_coefficient_a_task_is_task_arithmetic_bit_for_bit(string device)
    {
        using var models = new Models(device, tasks: 3);
        using var grouped = new GroupedTaskArithmetic(models.Vectors, CoefficientGroups.Whole(models.Layout));
        using ParameterVector merged = models.New(), expected = models.Vectors.Merge(new TaskArithmetic(new Coefficients(0.25, -0.5, 1.75)));
        grouped.Mix([0.25f, -0.5f, 1.75f], merged);
        Assert.Equal(expected.Values.ToHost(), merged.Values.ToHost());
    }

    /// <summary>
    /// L(λ) = Σ_i sin(a_i·θ_i(λ)) in float64 from the same θ_0 and τ. Central differences with h = 2⁻⁸ are off by h²/6 of the third derivative, Σ|a_i·τ_ki|³; the engine's
    /// gradient by the rounding of ∂L/∂θ to float32, 2⁻²⁴ of each element.
    /// </summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Gradients_are_those_of_finite_differences_in_float64(string device, int tasks)
    {
        const double h = 1.0 / 256;
        using var models = new Models(device, tasks);
        float[] start = models.Base.Values.ToHost();
        float[][] vectors = [.. models.Vectors.Vectors.Select(v => v.Values.ToHost())];
        foreach (CoefficientGroups groups in new[] { CoefficientGroups.Whole(models.Layout), CoefficientGroups.Layers(models.Layout), CoefficientGroups.Tensors(models.Layout) })
        {
            int[] groupOf = new int[start.Length];
            foreach ((long from, long to, int group) in groups.Runs) groupOf.AsSpan((int)from, (int)(to - from)).Fill(group);
            double[] lambda = [.. Enumerable.Range(0, tasks * groups.Count).Select(i => 0.3 * Math.Sin(i))];
            double Theta(int i, double[] at) => start[i] + Enumerable.Range(0, tasks).Sum(k => at[(k * groups.Count) + groupOf[i]] * vectors[k][i]);
            double Factor(int i) => 1 + (i % 3);
            double Loss(double[] at) => Enumerable.Range(0, start.Length).Sum(i => Math.Sin(Factor(i) * Theta(i, at)));

            using ParameterVector gradient = models.New();
            float[] derivatives = [.. Enumerable.Range(0, start.Length).Select(i => (float)(Factor(i) * Math.Cos(Factor(i) * Theta(i, lambda))))];
            models.Device.Upload<float>(derivatives, gradient.Values);
            using var grouped = new GroupedTaskArithmetic(models.Vectors, groups);
            double[] found = new double[grouped.Count];
            grouped.Gradient(gradient, found);
            for (int c = 0; c < found.Length; c++)
            {
                int k = c / groups.Count, group = c % groups.Count;
                double[] above = [.. lambda], below = [.. lambda];
                above[c] += h;
                below[c] -= h;
                double expected = (Loss(above) - Loss(below)) / (2 * h);
                double[] steps = [.. Enumerable.Range(0, start.Length).Where(i => groupOf[i] == group).Select(i => Math.Abs(Factor(i) * vectors[k][i]))];
                double bound = (h * h / 6 * steps.Sum(s => s * s * s)) + (steps.Sum() / (1 << 24)) + 1e-9;
                Assert.InRange(found[c] - expected, -bound, bound);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Gradients_have_the_same_bits_everywhere_and_allocate_nothing(string device)
    {
        double[] Run(string name, int rounds)
        {
            using var models = new Models(name, tasks: 9, elements: 40_000);
            using var grouped = new GroupedTaskArithmetic(models.Vectors, CoefficientGroups.Layers(models.Layout));
            double[] result = new double[grouped.Count];
            grouped.Gradient(models.Base, result);
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < rounds; i++) grouped.Gradient(models.Base, result);
            if (!DeviceCases.IsCuda(name)) Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
            return result;
        }

        Assert.Equal(Run("reference", 0), Run(device, 3));
    }

    /// <summary>
    /// A real encoder: the loss of a task moves with a layer's coefficient as the gradient says. Differences of two widths cancel the third derivative; what is left of
    /// the fourth, h⁴ = 1.5·10⁻⁵ of the fifth derivative, and the rounding of weights and losses to float32, 10⁻⁷/h, lie well below the bound.
    /// </summary>
    [Fact]
    public void The_loss_of_an_encoder_follows_its_coefficients()
    {
        using var fixture = EncoderFixture.Exemplars("reference");
        using TaskVectors vectors = fixture.TaskVectors();
        using var grouped = new GroupedTaskArithmetic(vectors, CoefficientGroups.Layers(fixture.Encoder.Layout));
        using ParameterVector merged = new(fixture.Device, fixture.Encoder.Layout), gradient = new(fixture.Device, fixture.Encoder.Layout);
        float[] lambda = [.. Enumerable.Repeat(0.3f, grouped.Count)];
        int[] samples = [.. Enumerable.Range(0, 8)];
        double Loss(float[] at)
        {
            grouped.Mix(at, merged);
            return GradientEstimator.Estimate(fixture.Encoder, merged, fixture.Tasks[1], samples, GradientReduction.Sum, gradient).Loss;
        }

        Loss(lambda);
        double[] found = new double[grouped.Count];
        grouped.Gradient(gradient, found);
        Assert.Contains(found, slope => Math.Abs(slope) > 0.01);
        for (int c = 0; c < found.Length; c++)
        {
            double Slope(float h)
            {
                float[] above = [.. lambda], below = [.. lambda];
                above[c] += h;
                below[c] -= h;
                return (Loss(above) - Loss(below)) / (2 * h);
            }

            Assert.Equal(((4 * Slope(1f / 32)) - Slope(1f / 16)) / 3, found[c], 1e-3 * Math.Max(0.05, Math.Abs(found[c])));
        }
    }

    [Fact]
    public void What_does_not_fit_is_refused_in_a_sentence()
    {
        using var models = new Models("cpu", tasks: 2);
        using var other = new Models("cpu", tasks: 2, elements: 77);
        using var grouped = new GroupedTaskArithmetic(models.Vectors, CoefficientGroups.Layers(models.Layout));
        using ParameterVector merged = models.New();
        Assert.StartsWith(
            "There is room for 3 coefficients, expected 8: one for each of 2 tasks and 4 groups.", Assert.Throws<ArgumentException>(() => grouped.Mix(new float[3], merged)).Message, StringComparison.Ordinal);
        Assert.StartsWith(
            "The coefficient of 'task-1' for 'h.0' is NaN, expected a finite number.",
            Assert.Throws<ArgumentException>(() => grouped.Mix([0, 0, 0, 0, 0, float.NaN, 0, 0], merged)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => grouped.Gradient(other.Base, new double[8]));
        Assert.Throws<ArgumentException>(() => new GroupedTaskArithmetic(models.Vectors, CoefficientGroups.Whole(other.Layout)));
    }

    /// <summary>Weights and task vectors of a small network whose layers do not lie in the order of their numbers.</summary>
    private sealed class Models : IDisposable
    {
        public Models(string device, int tasks, int elements = 33)
        {
            Device = DeviceCases.Open(device, 2);
            Layout = new ParameterLayout(new[] { "embed", "h.0.w", "h.1.w", "h.10.w", "h.0.bias", "norm" }.Select((name, i) => KeyValuePair.Create(name, new Shape(elements + i))));
            Base = Draw(1, 0.5f);
            Vectors = TaskVectors.TakeModels("base", Base, [.. Enumerable.Range(0, tasks).Select(k => new NamedModel($"task-{k}", Draw(2 + (ulong)k, 0.5f)))]);
        }

        public Device Device { get; }

        public ParameterLayout Layout { get; }

        public ParameterVector Base { get; }

        public TaskVectors Vectors { get; }

        public ParameterVector New() => new(Device, Layout);

        public void Dispose()
        {
            Vectors.Dispose();
            Base.Dispose();
            Assert.Equal(0, Device.AllocatedBytes);
            Device.Dispose();
        }

        private ParameterVector Draw(ulong seed, float deviation)
        {
            ParameterVector vector = New();
            var random = new PhiloxStream(seed, "models");
            foreach (Parameter parameter in Layout.Parameters)
                Device.Upload<float>([.. Enumerable.Range(0, (int)parameter.Length).Select(_ => deviation * random.NextGaussian())], vector[parameter]);
            return vector;
        }
    }
}
