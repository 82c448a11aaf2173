using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.Methods.Statistics;

/// <summary>So many of the largest |τ_k| of every task vector over the whole model, equal values by lowest index first.</summary>
internal sealed class MagnitudeSelections : IMergeStatistic
{
    private readonly Device _device;
    private readonly RadixSearch[] _searches;

    /// <param name="device">Where the chunks lie.</param>
    /// <param name="counts">How many are selected of each task vector.</param>
    public MagnitudeSelections(Device device, IReadOnlyList<long> counts)
    {
        _device = device;
        _searches = new RadixSearch[counts.Count];
        for (int k = 0; k < _searches.Length; k++)
        {
            _searches[k] = new RadixSearch(31);
            _searches[k].Begin(counts[k]);
        }

        Kept = new Selection[counts.Count];
    }

    public bool IsComplete { get; private set; }

    public int MostPasses => _searches.Max(s => s.MostPasses);

    /// <summary>What is kept of each task vector; valid when complete.</summary>
    public Selection[] Kept { get; }

    public void Accumulate(in MergeChunk chunk)
    {
        for (int k = 0; k < _searches.Length; k++)
        {
            RadixSearch search = _searches[k];
            if (search.IsComplete) continue;
            if (search.WantsHistogram)
            {
                _device.Operations.MagnitudeHistogram(search.Counts, chunk.TaskVectors[k], (uint)search.Prefix, search.PrefixBits, search.DigitBits);
                continue;
            }

            float threshold = BitConverter.UInt32BitsToSingle((uint)search.ThresholdBits);
            long found = _device.Operations.FindMagnitude(chunk.TaskVectors[k], threshold, ref search.Ordinal);
            if (found >= 0) search.FoundLast(chunk.FirstIndex + found);
        }
    }

    public void CompletePass()
    {
        IsComplete = true;
        for (int k = 0; k < _searches.Length; k++)
        {
            RadixSearch search = _searches[k];
            if (!search.IsComplete) search.CompleteHistogram();
            IsComplete &= search.IsComplete;
            if (search.IsComplete)
                Kept[k] = search.Trivial ?? new Selection(BitConverter.UInt32BitsToSingle((uint)search.ThresholdBits), search.LastIndex);
        }
    }
}
