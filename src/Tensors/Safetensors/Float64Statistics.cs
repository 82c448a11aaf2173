using System.Numerics.Tensors;

namespace MergeEngine.Tensors.Safetensors;

/// <summary>
/// <see cref="TensorStatistics"/> of an F64 tensor, without rounding its values. Where squares of the values would leave float64's range, they are divided by a power of two first,
/// which is exact but for values that are nothing beside the largest.
/// </summary>
internal static class Float64Statistics
{
    // Fixed, so that the sums are the same on every machine.
    private const int BlockLength = 8 * 1024;

    /// <summary>Squares of up to 2^63 values below 2^400, and of those above 2^-400, are numbers that float64 holds without loss.</summary>
    private const int MostExponent = 400;

    /// <inheritdoc cref="TensorStatistics.Of"/>
    public static TensorStatistics Of(SafetensorsFile file, TensorEntry entry, CancellationToken cancellation)
    {
        TensorStatistics plain = Of(file, entry, 0, cancellation);
        double largest = plain.Count == 0 ? 0 : Math.Max(Math.Abs(plain.Min), Math.Abs(plain.Max));
        // Rare, and then the values are read again.
        return largest == 0 || Math.Abs(Math.ILogB(largest)) <= MostExponent ? plain : Of(file, entry, Math.ILogB(largest) + 1, cancellation);
    }

    /// <param name="file">Holds the tensor.</param>
    /// <param name="entry">The tensor.</param>
    /// <param name="exponent">Sums are of values divided by two to this power.</param>
    /// <param name="cancellation">Asked for before each block.</param>
    private static TensorStatistics Of(SafetensorsFile file, TensorEntry entry, int exponent, CancellationToken cancellation)
    {
        double[] block = new double[(int)Math.Min(BlockLength, entry.ElementCount)];
        double min = double.PositiveInfinity, max = double.NegativeInfinity, mean = 0, squares = 0;
        long count = 0, nan = 0, infinity = 0;
        for (long first = 0; first < entry.ElementCount; first += BlockLength)
        {
            cancellation.ThrowIfCancellationRequested();
            Span<double> values = block.AsSpan(0, (int)Math.Min(BlockLength, entry.ElementCount - first));
            file.ReadFloat64(entry, first, values);
            int finite = KeepFinite(values, ref nan, ref infinity);
            if (finite == 0) continue;
            values = values[..finite];
            min = Math.Min(min, TensorPrimitives.Min<double>(values));
            max = Math.Max(max, TensorPrimitives.Max<double>(values));
            if (exponent != 0)
            {
                foreach (ref double value in values) value = Math.ScaleB(value, -exponent);
            }

            double blockMean = Mean(values), blockSquares = Squares(values, blockMean), delta = blockMean - mean;
            long total = count + finite;
            mean += delta * finite / total;
            squares += blockSquares + (delta * delta * ((double)count * finite / total));
            count = total;
        }

        return count == 0
            ? new TensorStatistics(0, double.NaN, double.NaN, double.NaN, double.NaN, nan, infinity)
            : new TensorStatistics(count, min, max, Math.ScaleB(mean, exponent), Math.ScaleB(Math.Sqrt(squares / count), exponent), nan, infinity);
    }

    /// <summary>Moves the finite values to the front and counts the others.</summary>
    private static int KeepFinite(Span<double> values, ref long nan, ref long infinity)
    {
        int kept = 0;
        foreach (double value in values)
        {
            if (double.IsNaN(value)) nan++;
            else if (double.IsInfinity(value)) infinity++;
            else values[kept++] = value;
        }

        return kept;
    }

    private static double Mean(ReadOnlySpan<double> values)
    {
        double sum = 0;
        foreach (double value in values) sum += value;
        return sum / values.Length;
    }

    private static double Squares(ReadOnlySpan<double> values, double center)
    {
        double sum = 0;
        foreach (double value in values) sum += (value - center) * (value - center);
        return sum;
    }
}
