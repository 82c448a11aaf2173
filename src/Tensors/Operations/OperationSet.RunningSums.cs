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
        Check(sums, (long)SumCount(vectors.Length, terms) * SumTree.StateLength);
        if (length > 0) AccumulateSumsCore(sums, vectors, firstIndex, terms);
    }

    /// <summary>How many sums a pass over <paramref name="vectors"/> vectors makes.</summary>
    public static int SumCount(int vectors, SumTerms terms)
    {
        if (vectors is < 0 or > MaxSumVectors)
            throw new ArgumentOutOfRangeException(nameof(vectors), vectors, $"One pass adds up at most {MaxSumVectors} vectors.");
        return terms switch
        {
            SumTerms.Products => vectors * (vectors + 1) / 2,
            SumTerms.Elements or SumTerms.Magnitudes => vectors,
            _ => throw new ArgumentOutOfRangeException(nameof(terms), terms, "Unknown terms of a sum."),
        };
    }

    protected abstract void AccumulateSumsCore(DeviceSpan<double> sums, ReadOnlySpan<DeviceSpan<float>> vectors, long firstIndex, SumTerms terms);
}
