using MergeEngine.Merging.Methods;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Merging.Tuning;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Tests.Tuning;

/// <summary>
/// What theory says of alternating tuning with gradient descent, run through the real loops on convex losses that are formulas. The loops
/// hold parameters in float32: coordinates stay below 0.5, so one rounding is at most 1.5e-8, and the descent contracts, so that
/// they do not pile up over rounds. All equalities were seen to hold within 1.5e-8; what would break them is 1e-3 and more.
/// </summary>
public sealed class TheoryTests : IDisposable
{
    private const double Bound = 1e-7;

    private readonly Device _device = Device.Open("cpu", 1);

    private readonly GradientSum _sum = new();

    private readonly AnalyticTask[] _tasks;

    public TheoryTests() => _tasks = [new(_sum, "a", 1), new(_sum, "b", 2), new(_sum, "c", 3)];

    /// <summary>
    /// One full-batch step a round is gradient descent on the sum of the losses with step α·η, for any α.
    /// </summary>
    [Theory, InlineData(1.0), InlineData(1.0 / 3), InlineData(0.1)]
    public void One_step_a_round_is_joint_gradient_descent(double alpha)
    {
        const double Rate = 0.2;
        double[] merged = Alternate(_tasks, 50, 1, Rate, alpha);
        double[] joint = JointDescent(_tasks, new double[AnalyticTask.Dimension], 50, alpha * Rate)[^1];
        AssertClose(joint, merged, Bound);
        Assert.True(Distance(joint, new double[AnalyticTask.Dimension]) > 0.1);
    }

    /// <summary>
    /// k steps a round leave joint descent at second order in η, by −αη²·Σ_t Σ_j H_t(θ_j)·Σ_{m&lt;j} (αΣ_s g_s − g_t)(θ_m), and what is left
    /// is of third order: halving η divides it by 8. At the smallest η here it is above 1e-6, and float32 adds about 1e-8.
    /// </summary>
    [Theory]
    [InlineData(2, 1.0)]
    [InlineData(3, 1.0)]
    [InlineData(2, 1.0 / 3)]
    [InlineData(3, 1.0 / 3)]
    [InlineData(5, 1.0 / 3)]
    [InlineData(3, 0.3)]
    public void More_steps_a_round_differ_from_joint_descent_by_the_known_second_order_term(int steps, double alpha)
    {
        double first = steps == 5 ? 0.05 : alpha == 1 ? 0.06 : 0.12;
        (double Difference, double Remainder) large = SecondOrder(steps, alpha, first);
        (double Difference, double Remainder) small = SecondOrder(steps, alpha, first / 2);
        Assert.InRange(Math.Log2(large.Difference / small.Difference), 1.85, 2.15);
        Assert.InRange(Math.Log2(large.Remainder / small.Remainder), 2.85, 3.15);
        Assert.True(small.Remainder > 1e-6);
    }

    /// <summary>With quadratics of one Hessian and α = 1/T the error term vanishes at every order.</summary>
    [Fact]
    public void With_a_common_hessian_the_mean_of_many_steps_is_joint_descent()
    {
        AnalyticTask[] tasks = [.. Enumerable.Range(0, 4).Select(t => new AnalyticTask(_sum, $"t{t}", t, quartic: false, hessianSeed: 9))];
        double[] joint = JointDescent(tasks, new double[AnalyticTask.Dimension], 25, 0.2 / 4)[^1];
        AssertClose(joint, Alternate(tasks, 1, 25, 0.2, 0.25), Bound);
        Assert.True(Distance(JointDescent(tasks, new double[AnalyticTask.Dimension], 25, 0.2)[^1], Alternate(tasks, 1, 25, 0.2, 1)) > 0.1, "With α = 1 it must not hold.");
        Assert.True(Distance(JointDescent(_tasks, new double[AnalyticTask.Dimension], 25, 0.2 / 3)[^1], Alternate(_tasks, 1, 25, 0.2, 1.0 / 3)) > 1e-3, "With different Hessians it must not hold.");
    }

    [Fact]
    public void The_mean_merge_does_not_depend_on_the_base()
    {
        using ParameterVector start = AnalyticTask.Vector(_device);
        var models = IndividualTuning.Run(_tasks, start, TuningLength.Steps(7), () => new Descent(_sum, 0.2), Context());
        using ParameterVector other = AnalyticTask.Vector(_device, 0.3, -0.2, 0.1, 0.5, -0.4, 0.2);
        using TaskVectors here = TaskVectors.FromModels("start", start, models);
        using TaskVectors there = TaskVectors.FromModels("elsewhere", other, models);
        using ParameterVector merged = here.Merge(new WeightAveraging());
        using ParameterVector elsewhere = there.Merge(new WeightAveraging());
        AssertClose(AnalyticTask.Read(merged), AnalyticTask.Read(elsewhere), Bound);
        foreach (NamedModel model in models) model.Parameters.Dispose();
    }

    [Fact]
    public void The_order_of_the_tasks_only_changes_the_rounding()
    {
        double[] forward = Alternate(_tasks, 5, 3, 0.2, 1.0 / 3);
        double[] backward = Alternate([.. _tasks.Reverse()], 5, 3, 0.2, 1.0 / 3);
        AssertClose(forward, backward, Bound);
    }

    [Fact]
    public void One_task_is_plain_descent_over_all_rounds()
    {
        double[] theta = new double[AnalyticTask.Dimension];
        for (int s = 0; s < 12; s++) theta = Add(theta, _tasks[0].Gradient(theta), -0.2);
        AssertClose(theta, Alternate([_tasks[0]], 4, 3, 0.2, 1), Bound);
    }

    /// <summary>A minibatch a round is a step on the union batch of equal weights: the alternating and the joint loop meet.</summary>
    [Fact]
    public void One_minibatch_a_round_is_a_joint_step_on_the_same_batches()
    {
        AnalyticTask[] tasks = [.. Enumerable.Range(1, 3).Select(t => new AnalyticTask(_sum, $"t{t}", t) { BatchNoise = 0.4 })];
        using ParameterVector start = AnalyticTask.Vector(_device);
        using ParameterVector joint = JointTuning.Run(tasks, start, TuningLength.Steps(20), () => new Descent(_sum, 0.2), Context());
        AssertClose(AnalyticTask.Read(joint), Alternate(tasks, 20, 1, 0.2, 1.0 / 3), Bound);
    }

    /// <summary>
    /// Jensen: for convex losses mean_s L_s(mean_t θ_t) ≤ mean_{s,t} L_s(θ_t). The mean of the tasks' own losses is no such bound: it lies
    /// below by η·mean_t ‖g_t − ḡ‖² to first order.
    /// </summary>
    [Fact]
    public void The_merged_loss_is_bounded_by_all_pairs_and_not_by_the_own_losses()
    {
        foreach (double rate in new[] { 0.3, 0.02 })
        {
            using ParameterVector start = AnalyticTask.Vector(_device);
            var models = IndividualTuning.Run(_tasks, start, TuningLength.Steps(1), () => new Descent(_sum, rate), Context());
            double[][] tuned = [.. models.Select(m => AnalyticTask.Read(m.Parameters))];
            double[] merged = Alternate(_tasks, 1, 1, rate, 1.0 / 3);
            double joint = _tasks.Average(t => t.Loss(merged));
            double pairs = _tasks.Average(s => tuned.Average(theta => s.Loss(theta)));
            double own = _tasks.Select((t, i) => t.Loss(tuned[i])).Average();
            Assert.True(joint <= pairs);
            Assert.True(own < joint);
            if (rate == 0.02) Assert.InRange((joint - own) / (rate * GradientSpread()), 0.95, 1.05);
            foreach (NamedModel model in models) model.Parameters.Dispose();
        }
    }

    public void Dispose()
    {
        Assert.Equal(0, _device.AllocatedBytes);
        _device.Dispose();
    }

    private static TuningContext Context() => new("test", new Ledger());

    private double[] Alternate(IReadOnlyList<AnalyticTask> tasks, int rounds, int steps, double rate, double alpha)
    {
        using ParameterVector start = AnalyticTask.Vector(_device);
        var options = new AlternatingOptions(rounds, TuningLength.Steps(steps)) { Merge = new TaskArithmetic(alpha) };
        using ParameterVector merged = AlternatingTuning.Run(tasks, start, options, () => new Descent(_sum, rate), Context());
        return AnalyticTask.Read(merged);
    }

    /// <summary>Every point of descent on Σ_t L_t in float64.</summary>
    private static double[][] JointDescent(AnalyticTask[] tasks, double[] start, int steps, double rate)
    {
        var path = new double[steps + 1][];
        path[0] = start;
        for (int s = 0; s < steps; s++) path[s + 1] = tasks.Aggregate(path[s], (theta, task) => Add(theta, task.Gradient(path[s]), -rate));
        return path;
    }

    private (double Difference, double Remainder) SecondOrder(int steps, double alpha, double rate)
    {
        double[][] path = JointDescent(_tasks, new double[AnalyticTask.Dimension], steps, alpha * rate);
        double[] difference = Add(Alternate(_tasks, 1, steps, rate, alpha), path[steps], -1);
        double[] remainder = difference;
        foreach (AnalyticTask task in _tasks)
        {
            for (int j = 1; j < steps; j++)
            {
                var drift = new double[AnalyticTask.Dimension];
                for (int m = 0; m < j; m++)
                {
                    foreach (AnalyticTask other in _tasks) drift = Add(drift, other.Gradient(path[m]), alpha);
                    drift = Add(drift, task.Gradient(path[m]), -1);
                }

                remainder = Add(remainder, task.HessianTimes(path[j], drift), alpha * rate * rate);
            }
        }

        double[] zero = new double[AnalyticTask.Dimension];
        return (Distance(difference, zero), Distance(remainder, zero));
    }

    private double GradientSpread()
    {
        double[] zero = new double[AnalyticTask.Dimension];
        double[] mean = _tasks.Aggregate(zero, (sum, t) => Add(sum, t.Gradient(zero), 1.0 / 3));
        return _tasks.Average(t => Math.Pow(Distance(t.Gradient(zero), mean), 2));
    }

    private static double[] Add(double[] a, double[] b, double factor) => [.. a.Zip(b, (x, y) => x + (factor * y))];

    private static double Distance(double[] a, double[] b) => Math.Sqrt(a.Zip(b, (x, y) => (x - y) * (x - y)).Sum());

    private static void AssertClose(double[] expected, double[] actual, double bound)
    {
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], bound);
    }
}
