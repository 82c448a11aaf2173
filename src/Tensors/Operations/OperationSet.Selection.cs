namespace MergeEngine.Tensors.Operations;

/// <content>Masks, sign election and sensitivities over flat vectors. Indices are global: <c>firstIndex</c> is that of a chunk's first element.</content>
public abstract partial class OperationSet
{
    /// <summary>
    /// keys[i] ← Σ_j Σ_{k≠j} magnitudes[j][i]·|vectors[k][i]| in float64, as Σ_k |v_k|·(Σ_j m_j − m_k); −1 where every vector is zero.
    /// </summary>
    /// <param name="keys">[n] float64.</param>
    /// <param name="magnitudes">Non-negative vectors of [n], one for each of <paramref name="vectors"/>; empty: |vectors| themselves, summed over pairs so that nothing cancels.</param>
    /// <param name="vectors">Vectors of [n].</param>
    public void CrossMagnitude(DeviceSpan<double> keys, ReadOnlySpan<DeviceSpan<float>> magnitudes, ReadOnlySpan<DeviceSpan<float>> vectors)
    {
        Check(keys, keys.Length);
        CheckInputs(vectors, vectors.Length, keys.Length);
        if (magnitudes.Length != 0) CheckInputs(magnitudes, vectors.Length, keys.Length);
        CrossMagnitudeCore(keys, magnitudes, vectors);
    }

    /// <summary>mask[i] ← 0 if <paramref name="dropped"/> contains (keys[i], firstIndex + i), else 1. Negative keys and NaN are never dropped.</summary>
    /// <param name="mask">[n] bytes.</param>
    /// <param name="keys">Exactly n elements.</param>
    /// <param name="dropped">Over global indices.</param>
    /// <param name="firstIndex">Index of the first element.</param>
    public void DropMask(DeviceSpan<byte> mask, DeviceSpan<double> keys, Selection dropped, long firstIndex = 0)
    {
        Check(mask, keys.Length);
        Check(keys, keys.Length);
        DropMaskCore(mask, keys, dropped, firstIndex);
    }

    /// <summary>mask[i] ← 1 if <paramref name="kept"/> contains (|values[i]|, firstIndex + i), else 0. NaN is never kept.</summary>
    /// <param name="mask">[n] bytes.</param>
    /// <param name="values">Exactly n elements.</param>
    /// <param name="kept">Over global indices.</param>
    /// <param name="firstIndex">Index of the first element.</param>
    public void KeepMask(DeviceSpan<byte> mask, DeviceSpan<float> values, Selection kept, long firstIndex = 0)
    {
        Check(mask, values.Length);
        Check(values, values.Length);
        KeepMaskCore(mask, values, kept, firstIndex);
    }

    /// <summary>
    /// Σ_i sign(Σ_k v̂_k[i]), where v̂_k[i] is vectors[k][i] if kept[k] contains (|vectors[k][i]|, firstIndex + i) and 0 otherwise; inner
    /// sums in float64. The majority sign that TIES gives to undecided elements.
    /// </summary>
    /// <param name="vectors">At least one; the first one's length counts, the others are as long or longer.</param>
    /// <param name="kept">What counts of each vector.</param>
    /// <param name="firstIndex">Index of the first element.</param>
    public long SignBalance(ReadOnlySpan<DeviceSpan<float>> vectors, ReadOnlySpan<Selection> kept, long firstIndex = 0)
    {
        CheckInputs(vectors, kept.Length, vectors.Length == 0 ? 0 : vectors[0].Length);
        return SignBalanceCore(vectors, kept, firstIndex);
    }

    /// <summary>
    /// TIES' election and disjoint mean (Yadav et al., arXiv 2306.01708): γ = sign(Σ_k v̂_k[i]), or <paramref name="undecidedSign"/> where
    /// that is 0 (or NaN, from infinities of both signs); output[i] ← mean of the nonzero v̂_k[i] whose sign is γ, 0 where there is none. Sums in float64, rounded once.
    /// </summary>
    /// <param name="output">[n]; may alias a vector.</param>
    /// <param name="vectors">Vectors of [n].</param>
    /// <param name="kept">What the trim keeps of each vector (v̂ as in <see cref="SignBalance"/>).</param>
    /// <param name="undecidedSign">+1 or −1.</param>
    /// <param name="firstIndex">Index of the first element.</param>
    public void DisjointMean(DeviceSpan<float> output, ReadOnlySpan<DeviceSpan<float>> vectors, ReadOnlySpan<Selection> kept, int undecidedSign, long firstIndex = 0)
    {
        Check(output, output.Length);
        CheckInputs(vectors, kept.Length, output.Length);
        if (undecidedSign is not (1 or -1)) throw new ArgumentOutOfRangeException(nameof(undecidedSign), undecidedSign, "The sign of undecided elements is +1 or -1.");
        DisjointMeanCore(output, vectors, kept, undecidedSign, firstIndex);
    }

    /// <summary>
    /// mask[i] ← 1 with probability <paramref name="keepProbability"/>, by Philox4x32-10 (Salmon et al., SC'11) at counter
    /// (firstIndex + i)/4, word (firstIndex + i) mod 4, under <paramref name="key"/>: the same bits whatever the chunks and threads.
    /// An element is kept if its word, as a 32-bit number, is below floor(keepProbability·2^32 + 0.5).
    /// </summary>
    /// <param name="mask">Exactly n bytes.</param>
    /// <param name="key">Of the stream.</param>
    /// <param name="keepProbability">In [0, 1].</param>
    /// <param name="firstIndex">Index of the first element.</param>
    public void RandomMask(DeviceSpan<byte> mask, ulong key, double keepProbability, long firstIndex = 0)
    {
        Check(mask, mask.Length);
        if (!(keepProbability >= 0 && keepProbability <= 1)) throw new ArgumentOutOfRangeException(nameof(keepProbability), keepProbability, "A probability lies in [0, 1].");
        RandomMaskCore(mask, key, keepProbability, firstIndex);
    }

    protected abstract void CrossMagnitudeCore(DeviceSpan<double> keys, ReadOnlySpan<DeviceSpan<float>> magnitudes, ReadOnlySpan<DeviceSpan<float>> vectors);

    protected abstract void DropMaskCore(DeviceSpan<byte> mask, DeviceSpan<double> keys, Selection dropped, long firstIndex);

    protected abstract void KeepMaskCore(DeviceSpan<byte> mask, DeviceSpan<float> values, Selection kept, long firstIndex);

    protected abstract long SignBalanceCore(ReadOnlySpan<DeviceSpan<float>> vectors, ReadOnlySpan<Selection> kept, long firstIndex);

    protected abstract void DisjointMeanCore(DeviceSpan<float> output, ReadOnlySpan<DeviceSpan<float>> vectors, ReadOnlySpan<Selection> kept, int undecidedSign, long firstIndex);

    protected abstract void RandomMaskCore(DeviceSpan<byte> mask, ulong key, double keepProbability, long firstIndex);
}
