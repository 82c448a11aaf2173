using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>Between which magnitudes the last of the largest of a vector very likely lies, from a sample of it; whether that is so a search finds out.</summary>
/// <param name="Range">The magnitudes.</param>
/// <param name="Candidates">How many elements very likely lie there at most.</param>
internal readonly record struct MagnitudeForecast(MagnitudeRange Range, long Candidates)
{
    /// <summary>Standard deviations of the number of sampled elements beyond a magnitude that a range allows for: fewer where they are known, since elements of one row are alike.</summary>
    private const double Deviations = 5, KnownDeviations = 4;

    /// <summary>What the number of candidates may be beyond what the sample has of them.</summary>
    private const double Surplus = 1.1;

    /// <summary>The leading bits of a magnitude. NaN is in no order, and goes below all others.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int DigitOf(float value, int digitBits) => float.IsNaN(value) ? 0 : (int)((BitConverter.SingleToUInt32Bits(value) & 0x7FFF_FFFF) >> (31 - digitBits));

    /// <param name="counts">Sampled elements by the leading bits of their magnitudes; the last may be left out where there are none.</param>
    /// <param name="digitBits">How many bits.</param>
    /// <param name="seen">Sampled elements.</param>
    /// <param name="length">Elements of the vector.</param>
    /// <param name="count">How many of the largest are wanted: at least 1, at most all.</param>
    /// <param name="varianceFrom">Variance of the number of sampled elements from a digit on, where it is known; else that of elements from anywhere.</param>
    public static MagnitudeForecast Of(ReadOnlySpan<int> counts, int digitBits, long seen, long length, long count, Func<int, double>? varianceFrom = null)
    {
        double share = (double)count / length, place = share * seen;
        int middle = At(counts, place).Digit;
        double variance = Math.Max(share * (1 - share) * seen, varianceFrom?.Invoke(middle) ?? 0);
        double margin = seen == length ? 0 : ((varianceFrom is null ? Deviations : KnownDeviations) * Math.Sqrt(variance)) + 1;
        (int highest, long least) = At(counts, place - margin);
        (int lowest, long above) = At(counts, place + margin);
        long counted = above + counts[lowest] - least;

        // Around the most likely place, no wider than what is written down of a magnitude allows.
        int shift = 31 - digitBits, widest = (int)(MagnitudeRange.Widest >> shift);
        lowest = Math.Max(lowest, middle - (widest / 2));
        highest = Math.Min(highest, lowest + widest);
        return new MagnitudeForecast(
            new MagnitudeRange((uint)lowest << shift, Math.Min(((uint)highest << shift) | ((1u << shift) - 1), 0x7F80_0000)),
            seen == length ? counted : Math.Min((long)(Surplus * counted * length / Math.Max(seen, 1)) + 1024, length));
    }

    /// <summary>The digit of the element at a place from the largest on, and how many have a larger one.</summary>
    private static (int Digit, long Above) At(ReadOnlySpan<int> counts, double place)
    {
        int digit = counts.Length - 1;
        long above = 0;
        while (digit > 0 && above + counts[digit] < place) above += counts[digit--];
        return (digit, above);
    }
}
