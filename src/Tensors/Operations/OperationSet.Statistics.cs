namespace MergeEngine.Tensors.Operations;

/// <content>Statistics over flat vectors, in float64 with a fixed order; all of them can be added up over chunks.</content>
public abstract partial class OperationSet
{
    /// <summary>Σ a[i]·b[i], each product exact, the sum in float64.</summary>
    /// <param name="a">Exactly n elements.</param>
    /// <param name="b">[n].</param>
    public double Dot(DeviceSpan<float> a, DeviceSpan<float> b)
    {
        Check(a, a.Length);
        Check(b, a.Length);
        return DotCore(a, b);
    }

    /// <summary>result[0] ← Σ values[i]² in float64, left on the device: for clipping without a round trip.</summary>
    /// <param name="result">[1] float64.</param>
    /// <param name="values">All that is summed.</param>
    public void SquaredNorm(DeviceSpan<double> result, DeviceSpan<float> values)
    {
        Check(result, 1);
        Check(values, values.Length);
        SquaredNormCore(result, values);
    }

    /// <summary>Σ values[i] in float64.</summary>
    public double Sum(DeviceSpan<float> values)
    {
        Check(values, values.Length);
        return SumCore(values);
    }

    /// <summary>Σ |values[i]| in float64.</summary>
    public double AbsoluteSum(DeviceSpan<float> values)
    {
        Check(values, values.Length);
        return AbsoluteSumCore(values);
    }

    /// <summary>Number of elements i where any of vectors[k][i] is not 0; NaN counts, too.</summary>
    /// <param name="vectors">At least one; the first one's length counts, the others are as long or longer.</param>
    public long CountAnyNonzero(ReadOnlySpan<DeviceSpan<float>> vectors)
    {
        CheckInputs(vectors, vectors.Length, vectors.Length == 0 ? 0 : vectors[0].Length);
        return CountAnyNonzeroCore(vectors);
    }

    /// <summary>Number of bytes of the mask that are 0.</summary>
    public long CountMasked(DeviceSpan<byte> mask)
    {
        Check(mask, mask.Length);
        return CountMaskedCore(mask);
    }

    /// <summary>
    /// Over the elements where at least two of the vectors are not zero, or one if <paramref name="vectors"/> has one: how many there are
    /// (Compared) and on how many all nonzero values have one sign (Agreeing). Elements with exactly one nonzero value count as agreeing in
    /// <paramref name="countSingles"/> mode and are left out otherwise.
    /// </summary>
    public (long Agreeing, long Compared) SignAgreement(ReadOnlySpan<DeviceSpan<float>> vectors, bool countSingles)
    {
        CheckInputs(vectors, vectors.Length, vectors.Length == 0 ? 0 : vectors[0].Length);
        return SignAgreementCore(vectors, countSingles);
    }

    /// <summary>
    /// Whether searches for magnitudes and <see cref="AccumulateThinnedSums"/> take an origin, so that differences need not be stored first, and <see cref="CollectMagnitudes"/>
    /// collects: devices in the machine's own memory.
    /// </summary>
    public virtual bool SearchesDifferences => false;

    /// <summary>
    /// One digit of a radix selection over |values|, or over |values − origin| rounded to float32: for every element whose key (the 31 bits of |x|) starts with the
    /// <paramref name="prefixBits"/> bits of <paramref name="prefix"/>, counts[next digit] is increased. Counts are added to, so chunks
    /// of a vector, or of a model on several machines, add up. NaN is never counted, found or selected.
    /// </summary>
    /// <param name="counts">2^digitBits counters on the host.</param>
    /// <param name="values">[n].</param>
    /// <param name="prefix">Leading bits that are already known.</param>
    /// <param name="prefixBits">How many.</param>
    /// <param name="digitBits">Bits of this digit, at most 16: every thread has counters of its own.</param>
    /// <param name="origin">[n], or <c>default</c>; only where the device <see cref="SearchesDifferences"/>.</param>
    public void MagnitudeHistogram(Span<long> counts, DeviceSpan<float> values, uint prefix, int prefixBits, int digitBits, DeviceSpan<float> origin = default)
    {
        Check(values, values.Length);
        CheckOrigin(origin, values.Length);
        CheckDigits(counts, prefixBits, digitBits, 31);
        MagnitudeHistogramCore(counts, values, origin, prefix, prefixBits, digitBits);
    }

    /// <summary>
    /// Writes down every element of |values|, or of |values − origin| rounded to float32, that lies in <paramref name="range"/>, in any order, as a
    /// <see cref="CollectedMagnitude"/>, and counts those that are larger. NaN lies nowhere.
    /// </summary>
    /// <param name="found">Room for them on the host.</param>
    /// <param name="values">[n].</param>
    /// <param name="range">Which magnitudes.</param>
    /// <param name="firstIndex">Index of the first element.</param>
    /// <param name="origin">[n], or <c>default</c>.</param>
    /// <returns>How many lie in the range, and how many above it. Where there is room for fewer, as many as fit are written down, and which of them is not determined.</returns>
    /// <exception cref="NotSupportedException">The device does not search differences.</exception>
    public (long Found, long Above) CollectMagnitudes(Span<ulong> found, DeviceSpan<float> values, MagnitudeRange range, long firstIndex, DeviceSpan<float> origin = default)
    {
        Check(values, values.Length);
        CheckOrigin(origin, values.Length);
        if (firstIndex < 0 || firstIndex > CollectedMagnitude.LastIndex - values.Length)
            throw new ArgumentOutOfRangeException(nameof(firstIndex), firstIndex, $"The index of an element has {CollectedMagnitude.IndexBits} bits.");
        return CollectMagnitudesCore(found, values, origin, range, firstIndex);
    }

    /// <summary>One digit of a radix selection over non-negative float64 keys (63 bits), as <see cref="MagnitudeHistogram"/> over magnitudes; negative keys and NaN are never counted.</summary>
    /// <param name="counts">2^digitBits counters on the host, added to.</param>
    /// <param name="keys">[n] float64.</param>
    /// <param name="prefix">Leading bits that are already known.</param>
    /// <param name="prefixBits">How many.</param>
    /// <param name="digitBits">Bits of this digit, at most 16.</param>
    public void KeyHistogram(Span<long> counts, DeviceSpan<double> keys, ulong prefix, int prefixBits, int digitBits)
    {
        Check(keys, keys.Length);
        CheckDigits(counts, prefixBits, digitBits, 63);
        KeyHistogramCore(counts, keys, prefix, prefixBits, digitBits);
    }

    /// <summary>Index of the element number <paramref name="ordinal"/> (from 0, lowest index first) with |value| = magnitude; −1 if there are fewer, and then <paramref name="ordinal"/> is reduced by those found.</summary>
    public long FindMagnitude(DeviceSpan<float> values, float magnitude, ref long ordinal)
    {
        Check(values, values.Length);
        return FindMagnitudeCore(values, magnitude, ref ordinal);
    }

    /// <summary>Index of the element number <paramref name="ordinal"/> (from 0, lowest index first) whose float64 key is <paramref name="key"/>, as <see cref="FindMagnitude"/> over magnitudes.</summary>
    public long FindKey(DeviceSpan<double> keys, double key, ref long ordinal)
    {
        Check(keys, keys.Length);
        return FindKeyCore(keys, key, ref ordinal);
    }

    protected abstract double DotCore(DeviceSpan<float> a, DeviceSpan<float> b);

    protected abstract void SquaredNormCore(DeviceSpan<double> result, DeviceSpan<float> values);

    protected abstract double SumCore(DeviceSpan<float> values);

    protected abstract double AbsoluteSumCore(DeviceSpan<float> values);

    protected abstract long CountAnyNonzeroCore(ReadOnlySpan<DeviceSpan<float>> vectors);

    protected abstract long CountMaskedCore(DeviceSpan<byte> mask);

    protected abstract (long Agreeing, long Compared) SignAgreementCore(ReadOnlySpan<DeviceSpan<float>> vectors, bool countSingles);

    protected abstract void MagnitudeHistogramCore(Span<long> counts, DeviceSpan<float> values, DeviceSpan<float> origin, uint prefix, int prefixBits, int digitBits);

    protected virtual (long Found, long Above) CollectMagnitudesCore(Span<ulong> found, DeviceSpan<float> values, DeviceSpan<float> origin, MagnitudeRange range, long firstIndex) =>
        throw new NotSupportedException("This device does not collect magnitudes.");

    protected abstract void KeyHistogramCore(Span<long> counts, DeviceSpan<double> keys, ulong prefix, int prefixBits, int digitBits);

    protected abstract long FindMagnitudeCore(DeviceSpan<float> values, float magnitude, ref long ordinal);

    protected abstract long FindKeyCore(DeviceSpan<double> keys, double key, ref long ordinal);

    private void CheckOrigin(DeviceSpan<float> origin, long length)
    {
        Check(origin, length, optional: true);
        if (!origin.IsNone && !SearchesDifferences) throw new NotSupportedException("This device searches no differences: subtract first.");
    }

    private const int LargestDigit = 16;

    private static void CheckDigits(Span<long> counts, int prefixBits, int digitBits, int keyBits)
    {
        if (prefixBits < 0 || digitBits is < 1 or > LargestDigit || prefixBits + digitBits > keyBits || counts.Length < 1 << digitBits)
            throw new ArgumentException($"A digit of {digitBits} bits after {prefixBits} bits of a {keyBits}-bit key does not fit {counts.Length} counters.", nameof(counts));
    }
}
