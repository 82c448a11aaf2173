using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>
/// The largest magnitudes of a vector that comes in chunks, exactly; equal ones go to the lowest index. A pass counts the first digit; where the elements that share the threshold's
/// digit may be held they are collected in a second pass, which is the last; otherwise further digits are counted first. More equal magnitudes than may be held (a difference of one size
/// throughout, or one of bfloat16's few digits) are gone through in pieces.
/// </summary>
internal sealed class MagnitudeSearch
{
    /// <summary>Exponent and five bits: few elements share them with the threshold.</summary>
    private const int FirstDigit = 13;

    /// <summary>Elements that are gone through at a time where equal ones are not held.</summary>
    private const int Piece = 1 << 15;

    private readonly RadixSearch _search = new(31, FirstDigit);
    private readonly Selection? _known;
    private readonly long _room;
    private ulong[] _candidates = [];
    private int _collected;
    private bool _canCollect;
    private bool _collects;

    /// <summary>How many are wanted follows from the first pass: <see cref="SetCount"/>.</summary>
    /// <param name="room">Candidates that may be held.</param>
    public MagnitudeSearch(long room) => _room = room;

    /// <summary>The <paramref name="count"/> largest of <paramref name="length"/>.</summary>
    public MagnitudeSearch(long count, long length, long room)
    {
        if (count <= 0) _known = Selection.None;
        else if (count >= length) _known = Selection.All;
        _search.Begin(count);
        _room = room;
    }

    /// <summary>Whether the whole vector must be shown (again).</summary>
    public bool NeedsPass => _known is null && !_search.IsComplete;

    /// <summary>Whether this is the pass for the first digit, whose counts are the same for every number that is wanted.</summary>
    public bool IsFirst => NeedsPass && _search.PrefixBits == 0;

    /// <summary>The selection, once no pass is needed.</summary>
    public Selection Result => _known ?? _search.Trivial ?? new Selection(Threshold, _search.LastIndex);

    /// <summary>Whether there are more equal magnitudes than may be held.</summary>
    private bool GoesThrough => _collects && _search.Candidates > _room;

    private float Threshold => BitConverter.UInt32BitsToSingle((uint)_search.ThresholdBits);

    /// <summary>Says how many are wanted, before the first pass is completed.</summary>
    public void SetCount(long count) => _search.Begin(count);

    /// <summary>Takes the counts of another search's first pass over the same vector, in place of a pass of its own.</summary>
    public void TakeFirst(MagnitudeSearch other)
    {
        other._search.Counts.CopyTo(_search.Counts);
        _canCollect = other._canCollect;
    }

    /// <param name="operations">Of the device.</param>
    /// <param name="values">A chunk of the vector.</param>
    /// <param name="origin">What is subtracted from it; <c>default</c> for nothing.</param>
    /// <param name="firstIndex">Index of its first element.</param>
    public void Accumulate(OperationSet operations, DeviceSpan<float> values, DeviceSpan<float> origin, long firstIndex)
    {
        if (!NeedsPass) return;
        _canCollect = operations.SearchesDifferences;
        if (GoesThrough)
        {
            GoThrough(operations, values, origin, firstIndex);
            return;
        }

        if (_collects)
        {
            _collected += operations.CollectMagnitudes(_candidates.AsSpan(_collected), values, (uint)_search.Prefix, _search.PrefixBits, firstIndex, origin);
            return;
        }

        if (_search.WantsHistogram)
        {
            operations.MagnitudeHistogram(_search.Counts, values, (uint)_search.Prefix, _search.PrefixBits, _search.DigitBits, origin);
            return;
        }

        // Only a device that cannot collect comes here, and it is given differences.
        long found = operations.FindMagnitude(values, Threshold, ref _search.Ordinal);
        if (found >= 0) _search.FoundLast(firstIndex + found);
    }

    public void CompletePass()
    {
        if (!NeedsPass) return;
        if (GoesThrough) throw new InvalidOperationException("The pass before found more equal magnitudes than this one.");
        if (_collects)
        {
            _search.FoundCandidates(_candidates.AsSpan(0, _collected));
            _candidates = [];
            return;
        }

        _search.CompleteHistogram();
        _collects = _canCollect && NeedsPass && (_search.Candidates <= _room || !_search.WantsHistogram);
        if (_collects) _candidates = GC.AllocateUninitializedArray<ulong>(GoesThrough ? Piece : checked((int)_search.Candidates));
    }

    /// <summary>Counts equal magnitudes until the last that is selected.</summary>
    private void GoThrough(OperationSet operations, DeviceSpan<float> values, DeviceSpan<float> origin, long firstIndex)
    {
        for (long start = 0, length; start < values.Length && NeedsPass; start += length)
        {
            length = Math.Min(Piece, values.Length - start);
            int found = operations.CollectMagnitudes(
                _candidates, values.Slice(start, length), (uint)_search.Prefix, _search.PrefixBits, firstIndex + start, origin.IsNone ? default : origin.Slice(start, length));
            _search.FoundEqual(_candidates.AsSpan(0, found));
        }
    }
}
