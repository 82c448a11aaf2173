namespace MergeEngine.Tensors.Operations;

/// <summary>
/// Finds the largest elements of a vector exactly, without a sorted copy: <see cref="RadixSearch"/> over one span. A vector that comes in
/// chunks drives the search itself.
/// </summary>
public static class RadixSelect
{
    /// <summary>The <paramref name="count"/> largest |x| of <paramref name="values"/>; equal magnitudes go to the lowest index. NaN is never selected, so fewer than asked for may be.</summary>
    public static Selection LargestMagnitudes(OperationSet operations, DeviceSpan<float> values, long count)
    {
        var search = new RadixSearch(31);
        search.Begin(count);
        while (search.WantsHistogram)
        {
            operations.MagnitudeHistogram(search.Counts, values, (uint)search.Prefix, search.PrefixBits, search.DigitBits);
            search.CompleteHistogram();
        }

        float threshold = BitConverter.UInt32BitsToSingle((uint)search.ThresholdBits);
        if (!search.IsComplete) search.FoundLast(operations.FindMagnitude(values, threshold, ref search.Ordinal));
        return search.Trivial ?? new Selection(threshold, search.LastIndex);
    }

    /// <summary>The <paramref name="count"/> largest keys that are not negative; equal keys go to the lowest index.</summary>
    public static Selection LargestKeys(OperationSet operations, DeviceSpan<double> keys, long count)
    {
        var search = new RadixSearch(63);
        search.Begin(count);
        while (search.WantsHistogram)
        {
            operations.KeyHistogram(search.Counts, keys, search.Prefix, search.PrefixBits, search.DigitBits);
            search.CompleteHistogram();
        }

        double threshold = BitConverter.UInt64BitsToDouble(search.ThresholdBits);
        if (!search.IsComplete) search.FoundLast(operations.FindKey(keys, threshold, ref search.Ordinal));
        return search.Trivial ?? new Selection(threshold, search.LastIndex);
    }
}
