using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Tensors.Safetensors;

/// <summary>What a tensor's values look like. NaN and infinities are counted and left out of everything else.</summary>
/// <param name="Count">Finite values.</param>
/// <param name="Min">Smallest; NaN where there is no finite value.</param>
/// <param name="Max">Largest; NaN where there is no finite value.</param>
/// <param name="Mean">Mean; NaN where there is no finite value.</param>
/// <param name="StandardDeviation">Root of the mean squared deviation from the mean (divided by n, not n − 1).</param>
/// <param name="NaNCount">Values that are not numbers.</param>
/// <param name="InfinityCount">Positive and negative infinities.</param>
public sealed record TensorStatistics(
    long Count, double Min, double Max, double Mean, double StandardDeviation, long NaNCount, long InfinityCount)
{
    // Two passes over a block that stays in the L1/L2 cache; the block size is fixed, so the sums are the same on every machine.
    private const int BlockLength = 16 * 1024;

    /// <summary>
    /// Statistics of an F32, F16, BF16 or F64 tensor, in float64 and in a fixed order. Blocks are joined by Chan, Golub and LeVeque's
    /// update (The American Statistician 37, 1983).
    /// </summary>
    /// <exception cref="SafetensorsException">Another dtype, or the file became shorter.</exception>
    public static TensorStatistics Of(SafetensorsFile file, TensorEntry entry, CancellationToken cancellation = default)
    {
        if (entry.DType == DType.F64) return Float64Statistics.Of(file, entry, cancellation);
        float[] block = new float[(int)Math.Min(BlockLength, entry.ElementCount)];
        double min = double.PositiveInfinity, max = double.NegativeInfinity, mean = 0, squares = 0;
        long count = 0, nan = 0, infinity = 0;
        for (long first = 0; first < entry.ElementCount; first += BlockLength)
        {
            cancellation.ThrowIfCancellationRequested();
            Span<float> values = block.AsSpan(0, (int)Math.Min(BlockLength, entry.ElementCount - first));
            file.ReadFloat32(entry, first, values);
            int finite = KeepFinite(values, ref nan, ref infinity);
            if (finite == 0) continue;
            values = values[..finite];
            min = Math.Min(min, TensorPrimitives.Min<float>(values));
            max = Math.Max(max, TensorPrimitives.Max<float>(values));
            double blockMean = Sum(values, 0, power: 1) / finite;
            double blockSquares = Sum(values, blockMean, power: 2);
            double delta = blockMean - mean;
            long total = count + finite;
            mean += delta * finite / total;
            squares += blockSquares + delta * delta * ((double)count * finite / total);
            count = total;
        }

        return count == 0
            ? new TensorStatistics(0, double.NaN, double.NaN, double.NaN, double.NaN, nan, infinity)
            : new TensorStatistics(count, min, max, mean, Math.Sqrt(squares / count), nan, infinity);
    }

    /// <summary>Moves the finite values to the front and counts the others.</summary>
    private static int KeepFinite(Span<float> values, ref long nan, ref long infinity)
    {
        if (AllFinite(values)) return values.Length;
        int kept = 0;
        foreach (float value in values)
        {
            if (float.IsNaN(value)) nan++;
            else if (float.IsInfinity(value)) infinity++;
            else values[kept++] = value;
        }

        return kept;
    }

    /// <summary>x − x is 0 for finite values and NaN for all others.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool AllFinite(ReadOnlySpan<float> values)
    {
        ReadOnlySpan<Vector512<float>> vectors = MemoryMarshal.Cast<float, Vector512<float>>(values);
        Vector512<float> difference = Vector512<float>.Zero;
        foreach (Vector512<float> vector in vectors) difference += vector - vector;
        float rest = 0;
        foreach (float value in values[(vectors.Length * Vector512<float>.Count)..]) rest += value - value;
        return Vector512.Sum(difference) + rest == 0;
    }

    /// <summary>Σ (x − center)^power in float64, sixteen lanes whatever the hardware has.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double Sum(ReadOnlySpan<float> values, double center, int power)
    {
        ReadOnlySpan<Vector512<float>> vectors = MemoryMarshal.Cast<float, Vector512<float>>(values);
        Vector512<double> shift = Vector512.Create(center), low = Vector512<double>.Zero, high = Vector512<double>.Zero;
        foreach (Vector512<float> vector in vectors)
        {
            (Vector512<double> lower, Vector512<double> upper) = Vector512.Widen(vector);
            lower -= shift;
            upper -= shift;
            low += power == 1 ? lower : lower * lower;
            high += power == 1 ? upper : upper * upper;
        }

        double sum = 0;
        foreach (float value in values[(vectors.Length * Vector512<float>.Count)..])
        {
            double deviation = value - center;
            sum += power == 1 ? deviation : deviation * deviation;
        }

        Vector512<double> both = low + high;
        for (int lane = 0; lane < Vector512<double>.Count; lane++) sum += both[lane];
        return sum;
    }
}
