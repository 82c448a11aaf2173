using MergeEngine.Merging.Methods;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Merging.Tuning;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Tests.Tuning;

/// <summary>Outer optimizers against their recurrences in float64, fed with the task vectors of a real run.</summary>
public sealed class OuterOptimizerTests : IDisposable
{
    private const double U = 1.0 / (1 << 24);

    private readonly Device _device = Device.Open("cpu", 1);

    private readonly GradientSum _sum = new();

    private readonly AnalyticTask[] _tasks;

    public OuterOptimizerTests() => _tasks =
        [new(_sum, "a", 1) { BatchNoise = 0.3 }, new(_sum, "b", 2) { BatchNoise = 0.2, StepsPerEpoch = 3 }, new(_sum, "c", 3)];

    [Theory, InlineData(0.0, 1.0), InlineData(0.9, 1.0), InlineData(0.8, 0.7)]
    public void Nesterov_follows_its_recurrence(double momentum, double rate)
    {
        using ParameterVector start = AnalyticTask.Vector(_device);
        var deltas = new List<double[]>();
        var thetas = new List<double[]> { new double[AnalyticTask.Dimension] };
        var options = new AlternatingOptions(10, TuningLength.Steps(2)) { Outer = new NesterovOuterOptimizer(momentum, rate) };
        Run(start, options, new RoundRecorder(_ => { }, v => deltas.Add(Mean(v)), m => thetas.Add(AnalyticTask.Read(m)))).Dispose();

        var m = new double[AnalyticTask.Dimension];
        double[] theta = thetas[0];
        for (int r = 0; r < 10; r++)
        {
            for (int i = 0; i < m.Length; i++)
            {
                m[i] = (momentum * m[i]) + deltas[r][i];
                theta[i] += rate * (deltas[r][i] + (momentum * m[i]));

                // Each round rounds Δ four times, m twice and θ twice, and m carries 1/(1 − μ) rounds of it: below 20 roundings a round of numbers below 2.
                Assert.Equal(theta[i], thetas[r + 1][i], (r + 1) * 40 * U);
            }
        }

        Assert.Equal("nesterov", options.Outer.Name);
    }

    [Fact]
    public void Nesterov_without_momentum_is_plain_alternation_to_rounding()
    {
        using ParameterVector start = AnalyticTask.Vector(_device);
        using ParameterVector plain = Run(start, new AlternatingOptions(6, TuningLength.Steps(2)));
        using ParameterVector outer = Run(start, new AlternatingOptions(6, TuningLength.Steps(2)) { Outer = new NesterovOuterOptimizer(0) });
        double[] expected = AnalyticTask.Read(plain), actual = AnalyticTask.Read(outer);
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 6 * 8 * U);
    }

    [Fact]
    public void Outer_adam_follows_its_recurrence()
    {
        using ParameterVector start = AnalyticTask.Vector(_device);
        var deltas = new List<double[]>();
        var thetas = new List<double[]> { new double[AnalyticTask.Dimension] };
        var options = new AlternatingOptions(10, TuningLength.Steps(2)) { Outer = new AdamOuterOptimizer(0.05, 0.9, 0.99, 1e-6) };
        Run(start, options, new RoundRecorder(_ => { }, v => deltas.Add(Mean(v)), p => thetas.Add(AnalyticTask.Read(p)))).Dispose();

        double[] m = new double[AnalyticTask.Dimension], v = new double[AnalyticTask.Dimension];
        for (int r = 1; r <= 10; r++)
        {
            for (int i = 0; i < m.Length; i++)
            {
                m[i] = (0.9 * m[i]) - (0.1 * deltas[r - 1][i]);
                v[i] = (0.99 * v[i]) + (0.01 * deltas[r - 1][i] * deltas[r - 1][i]);
                double step = 0.05 * (m[i] / (1 - Math.Pow(0.9, r))) / (Math.Sqrt(v[i] / (1 - Math.Pow(0.99, r))) + 1e-6);

                // Δ is a small difference: its relative error of about u·|θ|/|Δ| reaches the step, which is at most 0.05.
                Assert.Equal(thetas[r - 1][i] - step, thetas[r][i], 2e-6);
            }
        }
    }

    public void Dispose()
    {
        Assert.Equal(0, _device.AllocatedBytes);
        _device.Dispose();
    }

    private ParameterVector Run(ParameterVector start, AlternatingOptions options, IAlternatingObserver? observer = null) =>
        AlternatingTuning.Run(_tasks, start, options, () => new Descent(_sum, 0.2), new TuningContext("test", new Ledger()), observer);

    private static double[] Mean(TaskVectors vectors) =>
        [.. Enumerable.Range(0, AnalyticTask.Dimension).Select(i => vectors.Vectors.Average(v => (double)v.Values.HostSpan[i]))];
}
