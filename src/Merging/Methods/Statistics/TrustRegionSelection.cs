using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.Methods.Statistics;

/// <summary>
/// The threshold of a trust region: how many coordinates are live, and which Ω are the largest. Ω is computed again in every pass from
/// the chunk, so it needs memory for one chunk only; a model that is one chunk keeps it.
/// </summary>
internal sealed class TrustRegionSelection : IMergeStatistic, IDisposable
{
    private readonly TrustRegion _region;
    private readonly OperationSet _operations;
    private readonly Scratch<double> _keys;
    private readonly Scratch<byte> _mask;
    private readonly RadixSearch _search = new(63);
    private (long First, long Length) _held = (-1, 0);

    public TrustRegionSelection(TrustRegion region, MergeShape shape)
    {
        _region = region;
        _operations = shape.Device.Operations;
        _keys = new Scratch<double>(shape.Device);
        _mask = new Scratch<byte>(shape.Device);
        IsComplete = !region.Restricts(shape.TaskCount);
    }

    public bool IsComplete { get; private set; }

    public int MostPasses => IsComplete ? 0 : _search.MostPasses;

    /// <summary>False when every coordinate is kept, and then no mask is needed.</summary>
    public bool DropsAny => Dropped > 0;

    /// <summary>n: coordinates where some τ_k ≠ 0. Known after the first pass; 0 where nothing can be dropped.</summary>
    public long Live { get; private set; }

    public long Dropped { get; private set; }

    /// <summary>Which Ω are dropped; valid when complete.</summary>
    public Selection Selection { get; private set; } = Selection.None;

    public void Accumulate(in MergeChunk chunk)
    {
        DeviceSpan<double> keys = Sensitivities(chunk);
        if (_search.WantsHistogram)
        {
            _operations.KeyHistogram(_search.Counts, keys, _search.Prefix, _search.PrefixBits, _search.DigitBits);
        }
        else if (!_search.IsComplete)
        {
            long found = _operations.FindKey(keys, Threshold, ref _search.Ordinal);
            if (found >= 0) _search.FoundLast(chunk.FirstIndex + found);
        }
    }

    public void CompletePass()
    {
        if (_search.PrefixBits == 0)
        {
            // Dead coordinates have the key −1, which no histogram counts.
            Live = _search.Counted();
            Dropped = _region.DroppedOf(Live);
            _search.Begin(Dropped);
        }

        if (!_search.IsComplete) _search.CompleteHistogram();
        IsComplete = _search.IsComplete;
        if (IsComplete) Selection = _search.Trivial ?? new Selection(Threshold, _search.LastIndex);
    }

    /// <summary>1 for every coordinate of a chunk that is kept, 0 for the dropped.</summary>
    public DeviceSpan<byte> Mask(in MergeChunk chunk)
    {
        DeviceSpan<byte> mask = _mask.Take(chunk.Length);
        WriteMask(mask, chunk);
        return mask;
    }

    public void WriteMask(DeviceSpan<byte> mask, in MergeChunk chunk) => _operations.DropMask(mask, Sensitivities(chunk), Selection, chunk.FirstIndex);

    public void Dispose()
    {
        _keys.Dispose();
        _mask.Dispose();
    }

    private double Threshold => BitConverter.UInt64BitsToDouble(_search.ThresholdBits);

    private DeviceSpan<double> Sensitivities(in MergeChunk chunk)
    {
        DeviceSpan<double> keys = _keys.Take(chunk.Length);
        if (_held == (chunk.FirstIndex, chunk.Length)) return keys;
        _operations.CrossMagnitude(keys, _region.ZeroShot ? [] : chunk.Gradients, chunk.TaskVectors);
        _held = (chunk.FirstIndex, chunk.Length);
        return keys;
    }
}
