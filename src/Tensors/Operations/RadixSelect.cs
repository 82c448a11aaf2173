namespace MergeEngine.Tensors.Operations;

/// <summary>
/// Finds the largest elements of any number of values exactly, by a radix selection whose histograms add up over chunks: no sorted
/// copy, no concatenation, memory independent of the length.
/// </summary>
public static class RadixSelect
{
    private const int DigitBits = 11;

    /// <summary>The <paramref name="count"/> largest |x| of <paramref name="values"/>; equal magnitudes go to the lowest index. NaN is never selected, so fewer than asked for may be.</summary>
    public static Selection LargestMagnitudes(OperationSet operations, DeviceSpan<float> values, long count)
    {
        if (count <= 0) return Selection.None;
        if (count >= values.Length) return Selection.All;
        Span<long> counts = stackalloc long[1 << DigitBits];
        uint prefix = 0;
        int prefixBits = 0;
        long remaining = count;
        while (prefixBits < 31)
        {
            int bits = Math.Min(DigitBits, 31 - prefixBits);
            counts.Clear();
            operations.MagnitudeHistogram(counts, values, prefix, prefixBits, bits);
            if (prefixBits == 0 && Total(counts) <= count) return Selection.All;
            prefix = (prefix << bits) | (uint)TakeDigit(counts[..(1 << bits)], ref remaining);
            prefixBits += bits;
        }

        float threshold = BitConverter.UInt32BitsToSingle(prefix);
        long ordinal = remaining - 1;
        return new Selection(threshold, operations.FindMagnitude(values, threshold, ref ordinal));
    }

    /// <summary>The <paramref name="count"/> largest keys that are not negative; equal keys go to the lowest index.</summary>
    public static Selection LargestKeys(OperationSet operations, DeviceSpan<double> keys, long count)
    {
        if (count <= 0) return Selection.None;
        Span<long> counts = stackalloc long[1 << DigitBits];
        ulong prefix = 0;
        int prefixBits = 0;
        long remaining = count;
        while (prefixBits < 63)
        {
            int bits = Math.Min(DigitBits, 63 - prefixBits);
            counts.Clear();
            operations.KeyHistogram(counts, keys, prefix, prefixBits, bits);
            if (prefixBits == 0 && Total(counts) <= count) return Selection.All;
            prefix = (prefix << bits) | (uint)TakeDigit(counts[..(1 << bits)], ref remaining);
            prefixBits += bits;
        }

        double threshold = BitConverter.UInt64BitsToDouble(prefix);
        long ordinal = remaining - 1;
        return new Selection(threshold, operations.FindKey(keys, threshold, ref ordinal));
    }

    /// <summary>The digit in which the element number <paramref name="remaining"/> from above lies; what lies above it is taken off.</summary>
    private static int TakeDigit(ReadOnlySpan<long> counts, ref long remaining)
    {
        int digit = counts.Length - 1;
        while (digit > 0 && counts[digit] < remaining) remaining -= counts[digit--];
        return digit;
    }

    private static long Total(ReadOnlySpan<long> counts)
    {
        long total = 0;
        foreach (long count in counts) total += count;
        return total;
    }
}
