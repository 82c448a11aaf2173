using System.Runtime.InteropServices;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Tensors.Tests.Safetensors;

public sealed class TensorStatisticsTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(15)]
    [InlineData(16 * 1024)]
    [InlineData(50_001)]
    public void Statistics_agree_with_two_passes_in_float64(int count)
    {
        var random = new Random(count);
        // Far from zero, so that a one-pass sum of squares would lose the deviation.
        float[] values = [.. Enumerable.Range(0, count).Select(_ => (float)(1000 + random.NextDouble()))];
        values[count / 2] = count > 1 ? float.PositiveInfinity : values[0];
        values[^1] = count > 1 ? float.NaN : values[0];
        double[] finite = [.. values.Where(float.IsFinite).Select(v => (double)v)];

        TensorStatistics actual = Measure(values);

        double mean = finite.Average();
        Assert.Equal(finite.Length, actual.Count);
        Assert.Equal(finite.Min(), actual.Min);
        Assert.Equal(finite.Max(), actual.Max);
        // Sums of 5e4 float64 numbers of size 1e3: about 1e3 · 5e4 · 2^-53 in the worst case, far less in practice.
        Assert.Equal(mean, actual.Mean, 1e-9);
        Assert.Equal(Math.Sqrt(finite.Average(v => (v - mean) * (v - mean))), actual.StandardDeviation, 1e-9);
        Assert.Equal(count > 1 ? 1 : 0, actual.NaNCount);
        Assert.Equal(count > 1 ? 1 : 0, actual.InfinityCount);
    }

    [Fact]
    public void A_tensor_without_a_finite_value_has_no_mean()
    {
        TensorStatistics actual = Measure([float.NaN, float.NegativeInfinity]);
        Assert.Equal(0, actual.Count);
        Assert.True(double.IsNaN(actual.Mean) && double.IsNaN(actual.Min));
        Assert.Equal((1, 1), (actual.NaNCount, actual.InfinityCount));
    }

    [Fact]
    public void Float64_values_are_not_rounded_to_float32_first()
    {
        double[] values = [1, 1e100, 1 + Math.ScaleB(1, -40), 5e-320, double.NaN, double.NegativeInfinity];
        TensorStatistics actual = Measure(Doubles(values));
        Assert.Equal((4, 5e-320, 1e100, 1, 1), (actual.Count, actual.Min, actual.Max, actual.NaNCount, actual.InfinityCount));
        // One value beside three that are nothing to it: a quarter of it, and √(3/16) of it, to a few roundings.
        Assert.Equal(1, actual.Mean / 2.5e99, 1e-14);
        Assert.Equal(1, actual.StandardDeviation / (1e100 * Math.Sqrt(3d / 16)), 1e-14);
        Assert.Equal(1 + Math.ScaleB(1, -40), Measure(Doubles([1, values[2]])).Max);
    }

    /// <summary>Over several blocks. What is expected is of values of ordinary size, times the same power of two: exact, but for the rounding of subnormal numbers.</summary>
    [Theory]
    [InlineData(0, 1e-11)]
    [InlineData(1023, 1e-11)]
    [InlineData(600, 1e-11)]
    [InlineData(-600, 1e-11)]
    [InlineData(-1040, 1e-8)]
    public void Float64_values_whose_squares_leave_the_range_have_a_mean_and_a_deviation(int exponent, double bound)
    {
        var random = new Random(1);
        double[] values = [.. Enumerable.Range(0, 20_000).Select(_ => 1 + (random.NextDouble() / 2))];
        double mean = values.Average(), deviation = Math.Sqrt(values.Average(v => (v - mean) * (v - mean)));
        TensorStatistics actual = Measure(Doubles([.. values.Select(v => Math.ScaleB(v, exponent))]));
        // Sums of 2e4 values are rounded 2e4 times by 2^-53 at worst, 2e-12; of subnormal numbers of 34 bits each value is rounded by 2^-35.
        Assert.Equal(1, Math.ScaleB(actual.Mean, -exponent) / mean, bound);
        Assert.Equal(1, Math.ScaleB(actual.StandardDeviation, -exponent) / deviation, bound);
        Assert.Equal((20_000, 0), (actual.Count, actual.InfinityCount));
    }

    private static TensorContent Doubles(double[] values) => new("values", DType.F64, new Shape(values.Length), MemoryMarshal.AsBytes<double>(values).ToArray());

    private static TensorStatistics Measure(float[] values) => Measure(TensorContent.FromFloat32("values", new Shape(values.Length), values));

    private static TensorStatistics Measure(TensorContent content)
    {
        using var directory = new TemporaryDirectory();
        string path = directory["values.safetensors"];
        SafetensorsWriter.Write(path, [content]);
        using SafetensorsFile file = SafetensorsFile.Open(path);
        return TensorStatistics.Of(file, file["values"]);
    }
}
