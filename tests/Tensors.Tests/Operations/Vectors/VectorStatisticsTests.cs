using MergeEngine.Tensors.Cpu;

namespace MergeEngine.Tensors.Tests.Operations.Vectors;

/// <summary>Counts that equal the textbook loop's, and float64 sums that are the same for every vector width and number of threads.</summary>
public sealed class VectorStatisticsTests
{
    public static IReadOnlyDictionary<string, VectorCase> Cases { get; } = new[]
    {
        Counting("CountMasked", 1, run => { var m = run.Mask(); return (r, _) => r[0] = run.Operations.CountMasked(m); }),
        Counting("CountAnyNonzero of 1", 1, run => { var v = run.Inputs(1); return (r, _) => r[0] = run.Operations.CountAnyNonzero(v); }),
        Counting("CountAnyNonzero of 9", 1, run => { var v = run.Inputs(9); return (r, _) => r[0] = run.Operations.CountAnyNonzero(v); }),
        SignAgreement(1, false), SignAgreement(2, false), SignAgreement(2, true), SignAgreement(8, false), SignAgreement(33, true),
        MagnitudeHistogram(0, 0, 11), MagnitudeHistogram(0x7F, 8, 11), MagnitudeHistogram(0x3E8, 11, 11), MagnitudeHistogram(0xFF, 8, 9),
        MagnitudeHistogram(0, 11, 11), MagnitudeHistogram(0x3F000, 19, 12), MagnitudeHistogram(0x7FF, 11, 5), MagnitudeHistogram(0, 0, 16),
        KeyHistogram(0, 0, 11), KeyHistogram(0x3FF, 11, 11), KeyHistogram(0x7FF, 11, 4), KeyHistogram(0, 11, 13), KeyHistogram(0x2000_0000_0000_00, 55, 8),
        Find("FindMagnitude 0", run => { var x = run.Input(0); return (ref long n) => run.Operations.FindMagnitude(x, 0, ref n); }),
        Find("FindMagnitude 0.25", run => { var x = run.Input(0); return (ref long n) => run.Operations.FindMagnitude(x, 0.25f, ref n); }),
        Find("FindMagnitude NaN", run => { var x = run.Input(0); return (ref long n) => run.Operations.FindMagnitude(x, float.NaN, ref n); }),
        Find("FindKey 2", run => { var x = run.Keys(); return (ref long n) => run.Operations.FindKey(x, 2, ref n); }),
        Find("FindKey infinity", run => { var x = run.Keys(); return (ref long n) => run.Operations.FindKey(x, double.PositiveInfinity, ref n); }),
    }.ToDictionary(c => c.Name);

    private delegate long FindCall(ref long ordinal);

    public static TheoryData<string, string> OnDevices() => VectorCase.OnDevices(Cases.Values);

    [Theory]
    [MemberData(nameof(OnDevices))]
    public void An_operation_gives_the_numbers_of_the_reference(string name, string device) =>
        Cases[name].GivesTheBitsOfTheReference(device);

    [Theory]
    [MemberData(nameof(OnDevices))]
    public void A_repeated_operation_allocates_nothing(string name, string device) =>
        Cases[name].AllocatesNothing(device);

    [Fact]
    public void A_sum_allocates_nothing()
    {
        foreach (string device in DeviceCases.Levels.Where(d => !DeviceCases.IsCuda(d) || CudaUnderTest.IsHere))
        {
            new VectorCase("sums", run =>
            {
                DeviceSpan<float> x = run.Input(0), y = run.Input(1);
                DeviceSpan<double> norm = run.Keys();
                return () =>
                {
                    run.Operations.Dot(x, y);
                    run.Operations.SquaredNorm(norm, x);
                    run.Operations.Sum(x);
                    run.Operations.AbsoluteSum(y);
                };
            }).AllocatesNothing(device);
        }
    }

    [Fact]
    public void A_sum_is_the_same_bits_for_every_vector_width_and_number_of_threads()
    {
        var first = new Dictionary<int, ulong[]>();
        foreach ((SimdLevel simd, int threads) in from s in SimdLevels.Supported from t in new[] { 1, 2, 3 } select (s, t))
        {
            using var device = new CpuDevice(threads, simd);
            foreach (int length in VectorInputs.Lengths)
            {
                ulong[] bits = [.. Sums(device, length).Select(BitConverter.DoubleToUInt64Bits)];
                if (!first.TryAdd(length, bits)) Assert.Equal(first[length], bits);
            }
        }
    }

    /// <summary>
    /// Against sums in twice the precision (Neumaier's compensation): n additions in any order err by at most n·2⁻⁵³·Σ|term|; the fixed tree
    /// has at most 1024 + 4 + log₂ 19 additions on a path at these lengths, so it has to stay below that as well.
    /// </summary>
    [Theory]
    [MemberData(nameof(VectorCase.Devices), MemberType = typeof(VectorCase))]
    public void A_sum_keeps_its_error_bound(string deviceName)
    {
        using Device device = DeviceCases.Open(deviceName);
        foreach (int length in VectorInputs.Lengths)
        {
            float[] x = VectorInputs.Finite(0, length), y = VectorInputs.Finite(1, length);
            double[] found = Sums(device, length);
            double u = Math.Min(length, 1024 + 4 + 5) * Math.Pow(2, -53);
            Check(length, found[0], u, x.Zip(y, (a, b) => (double)a * b));
            Check(length, found[1], u, x.Select(a => (double)a * a));
            Check(length, found[2], u, x.Select(a => (double)a));
            Check(length, found[3], u, x.Select(a => Math.Abs((double)a)));
        }
    }

    [Fact]
    public void A_sum_of_infinities_or_nan_is_what_ieee_754_says()
    {
        using var device = new CpuDevice(2);
        using var run = new VectorRun(device, 3);
        Assert.Equal(double.PositiveInfinity, device.Operations.AbsoluteSum(run.Upload<float>([1, float.NegativeInfinity, 2])));
        Assert.True(double.IsNaN(device.Operations.Sum(run.Upload<float>([float.PositiveInfinity, float.NegativeInfinity, 2]))));
        Assert.True(double.IsNaN(device.Operations.Dot(run.Upload<float>([0, 1, 2]), run.Upload<float>([float.PositiveInfinity, 1, 1]))));
        Assert.Equal(0.0, device.Operations.Sum(run.Upload<float>([-0f])));
    }

    private static double[] Sums(Device device, int length)
    {
        using var run = new VectorRun(device, length);
        DeviceSpan<float> x = run.Upload<float>(VectorInputs.Finite(0, length)), y = run.Upload<float>(VectorInputs.Finite(1, length));
        DeviceSpan<double> norm = run.Upload<double>([double.NaN]);
        device.Operations.SquaredNorm(norm, x);
        return [device.Operations.Dot(x, y), norm.ToHost()[0], device.Operations.Sum(x), device.Operations.AbsoluteSum(x)];
    }

    private static void Check(int length, double found, double bound, IEnumerable<double> terms)
    {
        double sum = 0, compensation = 0, magnitude = 0;
        foreach (double term in terms)
        {
            double next = sum + term;
            compensation += Math.Abs(sum) >= Math.Abs(term) ? sum - next + term : term - next + sum;
            sum = next;
            magnitude += Math.Abs(term);
        }

        double error = Math.Abs(found - sum - compensation);
        Assert.True(error <= bound * magnitude, $"A sum of {length} terms is off by {error / magnitude:G3} of Σ|term|, the bound is {bound:G3}.");
    }

    private static VectorCase Counting(string name, int count, Func<VectorRun, Action<long[], VectorRun>> prepare) => new(name, run =>
    {
        var result = new long[count];
        run.Result(name, result);
        Action<long[], VectorRun> call = prepare(run);
        return () => call(result, run);
    });

    private static VectorCase SignAgreement(int count, bool singles) => Counting($"SignAgreement of {count}{(singles ? " with singles" : "")}", 2, run =>
    {
        DeviceSpan<float>[] vectors = run.Inputs(count);
        return (result, _) => (result[0], result[1]) = run.Operations.SignAgreement(vectors, singles);
    });

    private static VectorCase MagnitudeHistogram(uint prefix, int prefixBits, int digitBits) =>
        Counting($"MagnitudeHistogram of {digitBits} bits after {prefixBits} of {prefix:x}", 1 << digitBits, run =>
        {
            DeviceSpan<float> values = run.Input(0);
            return (result, _) => run.Operations.MagnitudeHistogram(result, values, prefix, prefixBits, digitBits);
        });

    private static VectorCase KeyHistogram(ulong prefix, int prefixBits, int digitBits) =>
        Counting($"KeyHistogram of {digitBits} bits after {prefixBits} of {prefix:x}", 1 << digitBits, run =>
        {
            DeviceSpan<double> keys = run.Keys();
            return (result, _) => run.Operations.KeyHistogram(result, keys, prefix, prefixBits, digitBits);
        });

    private static VectorCase Find(string name, Func<VectorRun, FindCall> prepare)
    {
        long[] ordinals = [0, 1, 5, 700, 20_000, long.MaxValue / 2];
        return Counting(name, 2 * ordinals.Length, run =>
        {
            FindCall find = prepare(run);
            return (result, _) =>
            {
                for (int i = 0; i < ordinals.Length; i++)
                {
                    long ordinal = ordinals[i];
                    result[2 * i] = find(ref ordinal);
                    result[(2 * i) + 1] = ordinal;
                }
            };
        });
    }
}
