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

    private static TensorStatistics Measure(float[] values)
    {
        using var directory = new TemporaryDirectory();
        string path = directory["values.safetensors"];
        SafetensorsWriter.Write(path, [TensorContent.FromFloat32("values", new Shape(values.Length), values)]);
        using SafetensorsFile file = SafetensorsFile.Open(path);
        return TensorStatistics.Of(file, file["values"]);
    }
}
