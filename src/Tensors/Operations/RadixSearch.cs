namespace MergeEngine.Tensors.Operations;

/// <summary>
/// The largest keys of a vector that is seen chunk by chunk, exactly: one digit of the threshold a pass, from histograms that add up, and
/// one more pass only if equal keys straddle the boundary, to find the index of the last that is selected. Memory does not depend on the
/// length. <see cref="RadixSelect"/> drives it over one span.
/// </summary>
/// <param name="keyBits">Bits of a key, at most 63.</param>
/// <param name="firstDigit">Bits that the first pass looks at; the later ones take 11.</param>
/// <remarks>Keys are non-negative IEEE numbers read as integers, so their order is the order of the numbers.</remarks>
public sealed class RadixSearch(int keyBits, int firstDigit = RadixSearch.FullDigit)
{
    private const int FullDigit = 11;

    // Many searches end without a histogram, so the counters are made when they are asked for.
    private long[]? _counts;
    private long _remaining;
    private long _ordinal;

    private Stage _stage;

    private enum Stage
    {
        Digits,
        Ties,
        Done,
    }

    /// <summary>
    /// Only the smallest selected key is asked for, exactly and with no index: the largest key but <c>count</c> − 1. A count beyond the keys there are asks for the smallest of all; without any
    /// key it is 0.
    /// </summary>
    public bool ValueOnly { get; init; }

    public bool IsComplete => _stage == Stage.Done;

    /// <summary>True while histograms are wanted, false when the element number <see cref="Ordinal"/> among those equal to the threshold is.</summary>
    public bool WantsHistogram => _stage == Stage.Digits;

    public Span<long> Counts => (_counts ??= new long[1 << Math.Max(FullDigit, firstDigit)]).AsSpan(0, 1 << DigitBits);

    public ulong Prefix { get; private set; }

    public int PrefixBits { get; private set; }

    public int DigitBits => Math.Min(PrefixBits == 0 ? firstDigit : FullDigit, keyBits - PrefixBits);

    /// <summary>Elements equal to the threshold that come before the last selected one, less those found in earlier chunks.</summary>
    public ref long Ordinal => ref _ordinal;

    /// <summary>The bits of the smallest selected key.</summary>
    public ulong ThresholdBits => Prefix << (keyBits - PrefixBits);

    /// <summary>Elements with <see cref="Prefix"/> that are to be selected, of <see cref="Candidates"/>.</summary>
    public long Wanted => _remaining;

    /// <summary>Elements with <see cref="Prefix"/>, once there is one.</summary>
    public long Candidates { get; private set; }

    /// <summary>Index of the last selected element that equals the threshold; all of them are selected when it is <see cref="long.MaxValue"/>.</summary>
    public long LastIndex { get; private set; } = long.MaxValue;

    /// <summary>Nothing or everything is selected, which needs no search.</summary>
    public Selection? Trivial { get; private set; }

    /// <summary>Passes that are still to come, at most: one for every digit that is left and, where an index is asked for, one for equal keys.</summary>
    public int MostPasses
    {
        get
        {
            if (_stage != Stage.Digits) return _stage == Stage.Ties ? 1 : 0;
            int passes = ValueOnly ? 0 : 1;
            for (int bits = PrefixBits; bits < keyBits; bits += bits == 0 ? firstDigit : FullDigit) passes++;
            return passes;
        }
    }

    /// <summary>Keys that were counted in this pass.</summary>
    public long Counted()
    {
        long total = 0;
        foreach (long count in Counts) total += count;
        return total;
    }

    /// <summary>
    /// Says how many are to be selected: before the first pass, or after it where that follows from <see cref="Counted"/>. The first pass
    /// is then complete and its digit is taken.
    /// </summary>
    public void Begin(long count) => _remaining = count;

    /// <summary>Takes the digit whose histogram is complete.</summary>
    public void CompleteHistogram()
    {
        if (PrefixBits == 0 && ValueOnly && _remaining > 0 && Counted() is > 0 and var counted) _remaining = Math.Min(_remaining, counted);
        else if (PrefixBits == 0 && (_remaining <= 0 || _remaining >= Counted()))
        {
            Trivial = _remaining <= 0 ? Selection.None : Selection.All;
            _stage = Stage.Done;
            return;
        }

        Span<long> counts = Counts;
        int digit = counts.Length - 1;
        while (counts[digit] < _remaining) _remaining -= counts[digit--];
        long equal = counts[digit];
        Candidates = equal;
        Prefix = (Prefix << DigitBits) | (uint)digit;
        PrefixBits += DigitBits;
        if (ValueOnly ? PrefixBits == keyBits : equal == _remaining)
        {
            // Everything with this prefix is selected: the smallest key with it is as good a threshold as the exact one.
            _stage = Stage.Done;
        }
        else if (PrefixBits == keyBits)
        {
            _ordinal = _remaining - 1;
            _stage = Stage.Ties;
        }

        counts.Clear();
    }

    /// <summary>
    /// Takes the elements of a range themselves, as <see cref="OperationSet.CollectMagnitudes"/> has written them down, and the number of those <see cref="Wanted"/> that are larger: for keys of
    /// 31 bits. Reorders them.
    /// </summary>
    /// <returns>Whether the last selected one is among them; if not, nothing has changed.</returns>
    public bool FoundCandidates(MagnitudeRange range, Span<ulong> candidates, long above)
    {
        if (_remaining <= above || _remaining - above > candidates.Length) return false;
        ulong last = LargestEntries.Last(candidates, _remaining - above);
        Prefix = CollectedMagnitude.Key(last, range.Smallest);
        PrefixBits = keyBits;
        FoundLast(CollectedMagnitude.Index(last));
        return true;
    }

    /// <summary>
    /// Takes the candidates of one piece where all equal the threshold (<see cref="WantsHistogram"/> is false) and pieces come in order: nothing has to be held until the last selected one comes by.
    /// Reorders them.
    /// </summary>
    public void FoundEqual(Span<ulong> candidates)
    {
        if (_ordinal >= candidates.Length) _ordinal -= candidates.Length;
        else FoundLast(CollectedMagnitude.Index(LargestEntries.Last(candidates, _ordinal + 1)));
    }

    /// <summary>Takes the index of the last selected element among the equal ones.</summary>
    public void FoundLast(long index)
    {
        LastIndex = index;
        _stage = Stage.Done;
    }
}
