using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Tests.Support;
using Xunit.Sdk;

namespace MergeEngine.Tensors.Tests.Operations.Attention;

/// <summary>Attention on the tensor cores, in TF32 and bfloat16.</summary>
public class AttentionPrecisionTests
{
    /// <summary>What stays of float32: sums and the exponential, as in <see cref="AttentionCases"/>.</summary>
    private const double Float32Bound = 2e-6;

    private static readonly AttentionShape[] s_shapes =
    [
        new(1, 1, 1, 1), new(2, 5, 3, 8), new(1, 17, 2, 12, Causal: true), new(1, 33, 1, 32), new(2, 50, 2, 64), new(1, 77, 1, 64, Causal: true),
        new(1, 70, 1, 80), new(1, 65, 1, 128, Causal: true), new(1, 130, 1, 24),
    ];

    public static TheoryData<Precision, int, bool, bool> Cases
    {
        get
        {
            var data = new TheoryData<Precision, int, bool, bool>();
            foreach (Precision precision in new[] { Precision.TF32, Precision.BF16 })
            {
                for (int shape = 0; shape < s_shapes.Length; shape++)
                {
                    data.Add(precision, shape, false, true);
                    data.Add(precision, shape, true, false);
                }
            }

            return data;
        }
    }

    public static TheoryData<Precision> Precisions => [Precision.Float32, Precision.TF32, Precision.BF16];

    /// <summary>
    /// A score is a mean of d products with a relative error of up to 2u each, whose signs are random: Σ qk/√d errs by about u for normal inputs, by 4u at worst among ten thousands.
    /// That is the relative error of a probability, and values, gradients and probabilities are rounded by u as well: results that are weighted sums of random
    /// signs stay below 4u of the largest one. A wrong fragment or mask errs by a hundred times as much.
    /// </summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void Results_are_within_four_roundoffs_of_float64(Precision precision, int shape, bool masked, bool aligned)
    {
        using Device device = CudaUnderTest.Open(precision);
        AttentionProblem problem = AttentionProblem.Normal(s_shapes[shape], masked, shape);
        double u = Roundoff(precision);
        AttentionResults expected = new AttentionErrorBounds(problem, u).Expected, found = problem.Run(device, aligned);
        foreach (var ((name, e), (_, f)) in expected.All.Zip(found.All))
            OperationChecks.Compare($"{name} in {precision}, {problem.Shape}", e, f, 4 * u, absolute: problem.Shape.Tokens == 1 ? 4 * u : 0);
    }

    /// <summary>Of inputs that are numbers of the format, products are exact: what is left are the roundings of probabilities and score gradients, element by element.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void Rounded_inputs_leave_the_rounding_of_probabilities_alone(Precision precision, int shape, bool masked, bool aligned)
    {
        using Device device = CudaUnderTest.Open(precision);
        AttentionProblem problem = AttentionProblem.Normal(s_shapes[shape], masked, shape).Rounded(precision);
        var bounds = new AttentionErrorBounds(problem, Roundoff(precision));
        AttentionResults found = problem.Run(device, aligned);
        foreach (var ((name, e), (_, a), (_, f)) in bounds.Expected.All.Zip(bounds.Allowed.All, found.All))
        {
            double largest = e.Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty().Max();
            for (int i = 0; i < e.Length; i++)
            {
                double allowed = a[i] + (Float32Bound * largest);
                if (e[i] != f[i] && !(Math.Abs(e[i] - f[i]) <= allowed))
                    throw new XunitException($"{name} in {precision}, {problem.Shape}: element {i} is {f[i]:R}, expected {e[i]:R} within {allowed:G3}.");
            }
        }
    }

    /// <summary>
    /// The kernels round by the rules of the formats: rounding first changes nothing. Output gradients are rounded in both runs, since their dot products with outputs
    /// are taken in float32.
    /// </summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void Inputs_that_are_rounded_first_give_the_same_bits(Precision precision, int shape, bool masked, bool aligned)
    {
        using Device device = CudaUnderTest.Open(precision);
        AttentionProblem problem = AttentionProblem.Normal(s_shapes[shape], masked, shape).Rounded(precision, inputs: false);
        AttentionResults rounded = problem.Rounded(precision).Run(device, aligned), found = problem.Run(device, aligned);
        foreach (var ((name, e), (_, f)) in rounded.All.Zip(found.All)) OperationChecks.Compare(name, e, f, 0);
    }

    /// <summary>Where memory allows 16-byte accesses they are used, and make no difference; nor does a second run.</summary>
    [Theory]
    [MemberData(nameof(Precisions))]
    public void Alignment_and_repetition_change_no_bit(Precision precision)
    {
        using Device device = CudaUnderTest.Open(precision);
        foreach (AttentionShape shape in s_shapes)
        {
            AttentionProblem problem = AttentionProblem.Normal(shape, masked: true, 3);
            AttentionResults first = problem.Run(device, aligned: true);
            foreach (bool aligned in new[] { true, false })
            {
                foreach (var ((name, e), (_, f)) in first.All.Zip(problem.Run(device, aligned).All)) OperationChecks.Compare($"{name} of {shape}", e, f, 0);
            }
        }
    }

    /// <summary>Keys and values behind a mask may be anything that is a number: padding does not reach the results.</summary>
    [Theory]
    [MemberData(nameof(Precisions))]
    public void Hidden_keys_change_no_bit(Precision precision)
    {
        using Device device = CudaUnderTest.Open(precision);
        var shape = new AttentionShape(2, 70, 2, 32);
        AttentionProblem problem = AttentionProblem.Normal(shape, masked: true, 4);
        AttentionProblem other = problem with { Key = [.. problem.Key], Value = [.. problem.Value] };
        for (int i = 0; i < other.Key.Length; i++)
        {
            if (problem.Mask![i / shape.Width] != 0) continue;
            other.Key[i] = 1e3f - i;
            other.Value[i] = i;
        }

        foreach (var ((name, e), (_, f)) in problem.Run(device, true).All.Zip(other.Run(device, true).All)) OperationChecks.Compare(name, e, f, 0);
    }

    /// <summary>The kernels of the tensor cores stop at heads of 128 columns; those of float32 take over.</summary>
    [Fact]
    public void Wide_heads_are_computed_in_float32_in_every_precision()
    {
        AttentionProblem problem = AttentionProblem.Normal(new(1, 20, 1, 130), masked: true, 5);
        AttentionResults[] results = [.. new[] { Precision.Float32, Precision.TF32, Precision.BF16 }.Select(Run)];
        foreach (AttentionResults result in results[1..])
        {
            foreach (var ((name, e), (_, f)) in results[0].All.Zip(result.All)) OperationChecks.Compare(name, e, f, 0);
        }

        AttentionResults Run(Precision precision)
        {
            using Device device = CudaUnderTest.Open(precision);
            return problem.Run(device, true);
        }
    }

    /// <summary>On the caller's thread, which is the only one that a GPU's operations use.</summary>
    [Theory]
    [MemberData(nameof(Precisions))]
    public void A_call_allocates_no_managed_memory(Precision precision)
    {
        using Device device = CudaUnderTest.Open(precision);
        using var run = new OperationRun(device, 1);
        var shape = new AttentionShape(1, 20, 2, 64);
        Matrix[] m = [.. Enumerable.Range(0, 8).Select(_ => run.NormalMatrix(shape.Rows, shape.Width))];
        DeviceSpan<float> logSumExp = run.Output("logSumExp", shape.ScoreRows);
        void Call()
        {
            run.Operations.AttentionForward(m[0], logSumExp, m[1], m[2], m[3], shape);
            run.Operations.AttentionBackward(m[4], m[5], m[6], m[7], m[0], logSumExp, m[1], m[2], m[3], shape);
        }

        for (int i = 0; i < 3; i++) Call();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Call();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Heads_that_no_kernel_takes_are_refused()
    {
        using Device device = CudaUnderTest.Open();
        AttentionProblem problem = AttentionProblem.Normal(new(1, 2, 1, 257), masked: false, 6);
        var exception = Assert.Throws<NotSupportedException>(() => problem.Run(device, true));
        Assert.Equal("Attention on a CUDA device takes heads of up to 256 columns; these have 257.", exception.Message);
    }

    /// <summary>Half of a step between neighbours, relative to the smaller: 2⁻¹¹ with 11 significant bits, 2⁻⁸ with 8.</summary>
    private static double Roundoff(Precision precision) => precision == Precision.TF32 ? 1 / 2048.0 : 1 / 256.0;
}

/// <summary>Alone, because the order of the emulated device's threads is the whole process's.</summary>
[Collection(nameof(AloneCollection))]
public class AttentionScheduleTests
{
    public static TheoryData<Precision> Precisions => AttentionPrecisionTests.Precisions;

    /// <summary>A missing barrier or two owners of one result would show here.</summary>
    [Theory]
    [MemberData(nameof(Precisions))]
    public void The_order_of_blocks_and_threads_changes_no_bit(Precision precision)
    {
        CudaUnderTest.RequireEmulated();
        using Device device = CudaUnderTest.Open(precision);
        AttentionShape[] shapes = [new(2, 70, 2, 32), new(1, 70, 2, 64, Causal: true), new(1, 66, 1, 128), new(1, 34, 1, 256)];
        foreach (AttentionShape shape in shapes)
        {
            AttentionProblem problem = AttentionProblem.Normal(shape, masked: true, 7);
            AttentionResults forward = problem.Run(device, aligned: true);
            (EmulatedSchedule Schedule, ulong Seed)[] others = [(EmulatedSchedule.Reverse, 0), (EmulatedSchedule.Random, 1), (EmulatedSchedule.Random, 2)];
            foreach (var (schedule, seed) in others)
            {
                using IDisposable order = EmulatorControl.Schedule(schedule, seed);
                foreach (var ((name, e), (_, f)) in forward.All.Zip(problem.Run(device, aligned: true).All))
                    OperationChecks.Compare($"{name} of {shape} in order {schedule} {seed}", e, f, 0);
            }
        }
    }
}
