namespace MergeEngine.Tensors.Operations;

/// <content>Sums over vectors that come in chunks.</content>
public abstract partial class OperationSet
{
    /// <summary>Vectors that one pass takes.</summary>
    public const int MaxSumVectors = 64;

    /// <summary>
    /// Adds the next chunk of K vectors to unfinished float64 sums, reading each vector once. The order of the additions is that of
    /// <see cref="SumTree"/>: whatever the lengths of the chunks, <see cref="SumTree.Value"/> gives the bits of one pass, which are also those of
    /// <see cref="Dot"/>, <see cref="SquaredNorm"/>, <see cref="Sum"/> and <see cref="AbsoluteSum"/> over the whole vectors, on every device.
    /// Nothing is returned, so nothing waits for the device.
    /// </summary>
    /// <param name="sums">[<see cref="SumCount"/>·<see cref="SumTree.StateLength"/>]: one unfinished sum after the other, in the order of <paramref name="terms"/>.</param>
    /// <param name="vectors">The chunk of each vector, all of one length; at most <see cref="MaxSumVectors"/> vectors.</param>
    /// <param name="firstIndex">Index of the chunk's first element in the whole vectors: the lengths of all chunks before. 0 begins new sums.</param>
    /// <param name="terms">What is added up; the same for every chunk.</param>
    public void AccumulateSums(DeviceSpan<double> sums, ReadOnlySpan<DeviceSpan<float>> vectors, long firstIndex, SumTerms terms = SumTerms.Products)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(firstIndex);
        long length = vectors.Length == 0 ? 0 : vectors[0].Length;
        CheckInputs(vectors, vectors.Length, length);
        int count = SumCount(vectors.Length, terms);
        Check(sums, (long)count * SumTree.StateLength);
        if (length > 0 && count > 0) AccumulateSumsCore(sums, vectors, firstIndex, terms);
    }

    /// <summary>
    /// Adds the next chunk of a difference d = values − origin, rounded to float32, to unfinished sums as <see cref="AccumulateSums"/> does: the term of d, where that is asked
    /// for, and then that of d where it counts, 0 elsewhere. Reads each vector once and stores no difference.
    /// </summary>
    /// <param name="sums">[2·<see cref="SumTree.StateLength"/>], or half of it without the first sum.</param>
    /// <param name="values">[n].</param>
    /// <param name="origin">[n].</param>
    /// <param name="term">Which elements count: its selections, over the whole vector, and its mask.</param>
    /// <param name="firstIndex">Index of the chunk's first element in the whole vector.</param>
    /// <param name="terms">Σ|d| for <see cref="SumTerms.Magnitudes"/>, Σ d² for <see cref="SumTerms.Products"/>.</param>
    /// <param name="withWhole">Whether the sum over all of d is wanted too.</param>
    /// <exception cref="NotSupportedException">The device does not <see cref="SearchesDifferences"/>.</exception>
    public void AccumulateThinnedSums(
        DeviceSpan<double> sums, DeviceSpan<float> values, DeviceSpan<float> origin, in DifferenceTerm term, long firstIndex, SumTerms terms, bool withWhole)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(firstIndex);
        Check(values, values.Length);
        Check(origin, values.Length);
        Check(term.Mask, values.Length, optional: true);
        Check(sums, (withWhole ? 2 : 1) * SumTree.StateLength);
        CheckOrigin(origin, values.Length);
        if (terms is not (SumTerms.Magnitudes or SumTerms.Products)) throw new ArgumentOutOfRangeException(nameof(terms), terms, "Thinned differences have sums of magnitudes or of squares.");
        if (values.Length > 0) AccumulateThinnedSumsCore(sums, values, origin, term, firstIndex, terms, withWhole);
    }

    /// <summary>
    /// <see cref="RankedMask"/> of a difference, values − origin, and what <see cref="AccumulateThinnedSums"/> adds to two sums of magnitudes with that mask, to the same bits: each vector is
    /// read once, where a device can.
    /// </summary>
    /// <param name="sums">[2·<see cref="SumTree.StateLength"/>]: of all of the difference, and of what the mask keeps.</param>
    /// <param name="mask">[rows·columns], written.</param>
    /// <param name="values">[rows·columns].</param>
    /// <param name="origin">[rows·columns].</param>
    /// <param name="columns">Elements of a row.</param>
    /// <param name="key">Key of the stream.</param>
    /// <param name="low">In [0, 1].</param>
    /// <param name="high">In [0, 1].</param>
    /// <param name="firstIndex">Index of the chunk's first element in the whole vector.</param>
    /// <exception cref="NotSupportedException">The device does not <see cref="SearchesDifferences"/>.</exception>
    public void AccumulateRankedSums(
        DeviceSpan<double> sums, DeviceSpan<byte> mask, DeviceSpan<float> values, DeviceSpan<float> origin, int columns, ulong key, double low, double high, long firstIndex)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(firstIndex);
        Check(sums, 2 * SumTree.StateLength);
        Check(origin, values.Length);
        (double first, double step) = CheckRanks(mask, values, origin, columns, low, high);
        if (values.Length > 0) AccumulateRankedSumsCore(sums, mask, values, origin, columns, key, first, step, firstIndex);
    }

    /// <summary>How many sums a pass over <paramref name="vectors"/> vectors makes.</summary>
    public static int SumCount(int vectors, SumTerms terms)
    {
        if (vectors is < 0 or > MaxSumVectors)
            throw new ArgumentOutOfRangeException(nameof(vectors), vectors, $"One pass adds up at most {MaxSumVectors} vectors.");
        return terms switch
        {
            SumTerms.Products => vectors * (vectors + 1) / 2,
            SumTerms.ProductsWithLast => Math.Max(0, vectors - 1),
            SumTerms.Elements or SumTerms.Magnitudes => vectors,
            _ => throw new ArgumentOutOfRangeException(nameof(terms), terms, "Unknown terms of a sum."),
        };
    }

    protected virtual void AccumulateThinnedSumsCore(
        DeviceSpan<double> sums, DeviceSpan<float> values, DeviceSpan<float> origin, in DifferenceTerm term, long firstIndex, SumTerms terms, bool withWhole) =>
        throw new NotSupportedException("This device adds up no differences: subtract first.");

    protected virtual void AccumulateRankedSumsCore(
        DeviceSpan<double> sums, DeviceSpan<byte> mask, DeviceSpan<float> values, DeviceSpan<float> origin, int columns, ulong key, double first, double step, long firstIndex)
    {
        RankedMaskCore(mask, values, origin, columns, key, first, step, firstIndex);
        AccumulateThinnedSumsCore(sums, values, origin, DifferenceTerm.Whole(1) with { Mask = mask }, firstIndex, SumTerms.Magnitudes, withWhole: true);
    }

    protected abstract void AccumulateSumsCore(DeviceSpan<double> sums, ReadOnlySpan<DeviceSpan<float>> vectors, long firstIndex, SumTerms terms);
}
