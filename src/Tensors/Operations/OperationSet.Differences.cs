namespace MergeEngine.Tensors.Operations;

/// <content>What merges one tensor of several models: their differences from a base, put together in one pass.</content>
public abstract partial class OperationSet
{
    /// <summary>
    /// output[i] ← origin[i] + scale·m[i], where m is made of the differences d_k = inputs[k] − origin (rounded to float32) by <paramref name="rule"/>. Sums and
    /// products in float64 with fused multiply-adds in the order given, the result rounded once; each vector is read once. Where m is 0 the
    /// origin keeps its bits, and with a <paramref name="scale"/> of 0 everywhere. Where an election's sum is NaN, so is m.
    /// </summary>
    /// <param name="output">[n]; may be the origin or an input.</param>
    /// <param name="origin">[n].</param>
    /// <param name="inputs">Vectors of [n].</param>
    /// <param name="terms">One for each input.</param>
    /// <param name="rule">How the differences are put together.</param>
    /// <param name="scale">Finite.</param>
    /// <param name="firstIndex">Index of the first element, for the terms' selections.</param>
    public void MergeDifferences(
        DeviceSpan<float> output, DeviceSpan<float> origin, ReadOnlySpan<DeviceSpan<float>> inputs, ReadOnlySpan<DifferenceTerm> terms,
        DifferenceRule rule, double scale, long firstIndex = 0)
    {
        CheckInputs(inputs, terms.Length, output.Length);
        Check(output, output.Length);
        Check(origin, output.Length);
        foreach (DifferenceTerm term in terms)
        {
            Check(term.Mask, output.Length, optional: true);
            if (!double.IsFinite(term.Factor) || !double.IsFinite(term.Weight) || !double.IsFinite(term.Vote))
                throw new ArgumentException($"The factors of a difference are finite numbers, found {term.Factor}, {term.Weight} and {term.Vote}.", nameof(terms));
        }

        if (rule is < DifferenceRule.Sum or > DifferenceRule.ElectedLargest) throw new ArgumentOutOfRangeException(nameof(rule), rule, "Unknown rule for differences.");
        if (!double.IsFinite(scale)) throw new ArgumentOutOfRangeException(nameof(scale), scale, "The scale of a merged difference is a finite number.");
        if (scale == 0)
            CopyCore(output, origin);
        else
            MergeDifferencesCore(output, origin, inputs, terms, rule, scale, firstIndex);
    }

    /// <summary>
    /// output[i] ← the variance of the inputs[k][i] over k, divided by their number: with t_k = x_k − x_0, (Σ t² − (Σ t)²/K)/K in float64, rounded once. 0
    /// where all are equal.
    /// </summary>
    /// <param name="output">Exactly n elements; may be an input.</param>
    /// <param name="inputs">x_k, at least one vector of [n].</param>
    public void Variance(DeviceSpan<float> output, ReadOnlySpan<DeviceSpan<float>> inputs)
    {
        CheckInputs(inputs, inputs.Length, output.Length);
        Check(output, output.Length);
        VarianceCore(output, inputs);
    }

    /// <summary>
    /// mask[i] ← 1 with a probability that rises with the rank of |values[i]| in its row, from <paramref name="low"/> for the smallest to
    /// <paramref name="high"/> for the largest; the mean of both where a row has one element. Of equal magnitudes the lowest index ranks highest. Element i is kept if
    /// word (firstIndex + i) of <see cref="RandomMask"/>'s stream is below 2³²·(low + rank·(high − low)/(columns − 1)).
    /// </summary>
    /// <param name="mask">[rows·columns].</param>
    /// <param name="values">[rows·columns].</param>
    /// <param name="columns">Elements of a row.</param>
    /// <param name="key">Key of the stream.</param>
    /// <param name="low">In [0, 1].</param>
    /// <param name="high">In [0, 1].</param>
    /// <param name="firstIndex">Index of the first element.</param>
    /// <param name="origin">[rows·columns]: the ranks are those of values − origin, rounded to float32, which is not stored. Only where the device <see cref="SearchesDifferences"/>.</param>
    public void RankedMask(DeviceSpan<byte> mask, DeviceSpan<float> values, int columns, ulong key, double low, double high, long firstIndex = 0, DeviceSpan<float> origin = default)
    {
        (double first, double step) = CheckRanks(mask, values, origin, columns, low, high);
        RankedMaskCore(mask, values, origin, columns, key, first, step, firstIndex);
    }

    /// <summary>The line that words are held against: fma(rank, step, first).</summary>
    private (double First, double Step) CheckRanks(DeviceSpan<byte> mask, DeviceSpan<float> values, DeviceSpan<float> origin, int columns, double low, double high)
    {
        Check(mask, values.Length);
        Check(values, values.Length);
        CheckOrigin(origin, values.Length);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(columns);
        if (values.Length % columns != 0) throw new ArgumentException($"{values.Length} elements are no whole rows of {columns}.", nameof(columns));
        if (!(low >= 0 && low <= 1)) throw new ArgumentOutOfRangeException(nameof(low), low, "A probability lies in [0, 1].");
        if (!(high >= 0 && high <= 1)) throw new ArgumentOutOfRangeException(nameof(high), high, "A probability lies in [0, 1].");
        double step = columns == 1 ? 0 : (high - low) / (columns - 1);
        return (4294967296.0 * (columns == 1 ? (low + high) / 2 : low), 4294967296.0 * step);
    }

    protected abstract void MergeDifferencesCore(
        DeviceSpan<float> output, DeviceSpan<float> origin, ReadOnlySpan<DeviceSpan<float>> inputs, ReadOnlySpan<DifferenceTerm> terms,
        DifferenceRule rule, double scale, long firstIndex);

    protected abstract void VarianceCore(DeviceSpan<float> output, ReadOnlySpan<DeviceSpan<float>> inputs);

    /// <summary>A word w keeps its element of rank r if w &lt; fma(r, step, first).</summary>
    protected abstract void RankedMaskCore(DeviceSpan<byte> mask, DeviceSpan<float> values, DeviceSpan<float> origin, int columns, ulong key, double first, double step, long firstIndex);
}
