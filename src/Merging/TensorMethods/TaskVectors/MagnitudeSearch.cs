using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>The largest magnitudes of a vector that comes in chunks, exactly; equal ones go to the lowest index.</summary>
internal sealed class MagnitudeSearch
{
    private readonly RadixSearch _search = new(31);
    private readonly Selection? _known;

    /// <summary>How many are wanted follows from the first pass: <see cref="SetCount"/>.</summary>
    public MagnitudeSearch()
    {
    }

    /// <summary>The <paramref name="count"/> largest of <paramref name="length"/>.</summary>
    public MagnitudeSearch(long count, long length)
    {
        if (count <= 0) _known = Selection.None;
        else if (count >= length) _known = Selection.All;
        _search.Begin(count);
    }

    /// <summary>Whether the whole vector must be shown (again).</summary>
    public bool NeedsPass => _known is null && !_search.IsComplete;

    /// <summary>The selection, once no pass is needed.</summary>
    public Selection Result => _known ?? _search.Trivial ?? new Selection(Threshold, _search.LastIndex);

    private float Threshold => BitConverter.UInt32BitsToSingle((uint)_search.ThresholdBits);

    /// <summary>Says how many are wanted, before the first pass is completed.</summary>
    public void SetCount(long count) => _search.Begin(count);

    public void Accumulate(OperationSet operations, DeviceSpan<float> values, long firstIndex)
    {
        if (!NeedsPass) return;
        if (_search.WantsHistogram)
        {
            operations.MagnitudeHistogram(_search.Counts, values, (uint)_search.Prefix, _search.PrefixBits, _search.DigitBits);
            return;
        }

        long found = operations.FindMagnitude(values, Threshold, ref _search.Ordinal);
        if (found >= 0) _search.FoundLast(firstIndex + found);
    }

    public void CompletePass()
    {
        if (NeedsPass) _search.CompleteHistogram();
    }
}
