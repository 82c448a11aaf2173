using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>
/// The sums of <see cref="ThinnedSums{TReduction}"/> over magnitudes, of all and of those that a mask keeps, while a <see cref="RankedMask"/> has them in the first cache: with 512-bit vectors,
/// on one thread, which comes to the elements in their order.
/// </summary>
internal readonly unsafe struct RankedSums
{
    private readonly double* _all;
    private readonly double* _kept;

    /// <param name="sums">The two unfinished sums of a <see cref="SumTree"/>.</param>
    public RankedSums(double* sums)
    {
        _all = sums;
        _kept = sums + SumTree.StateLength;
    }

    public bool AreNone => _all == null;

    /// <summary>Adds a row, of which the first element has the number <paramref name="index"/> in the vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Add(uint* magnitudes, byte* mask, int columns, long index)
    {
        for (int start = 0, count; start < columns; start += count, index += count)
        {
            int before = (int)(index % SumTree.Block);
            count = Math.Min(SumTree.Block - before, columns - start);
            if (before == 0) ClearLanes();
            AddPiece((float*)magnitudes + start, mask + start, count, before % SumTree.Lanes);
            if (before + count < SumTree.Block) continue;
            SumTree.Push(_all, SumTree.Halve(_all), index / SumTree.Block);
            SumTree.Push(_kept, SumTree.Halve(_kept), index / SumTree.Block);
        }
    }

    private void ClearLanes()
    {
        new Span<double>(_all, SumTree.Lanes).Clear();
        new Span<double>(_kept, SumTree.Lanes).Clear();
    }

    /// <summary>Elements of one block, of which the first belongs to a lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void AddPiece(float* magnitudes, byte* mask, int count, int lane)
    {
        int i = 0;
        for (; lane % SumTree.Lanes != 0 && i < count; i++, lane++) AddOne(lane, magnitudes[i], mask[i]);
        var sums = new MaskedMagnitudes(_all, _kept);
        for (; i <= count - SumTree.Lanes; i += SumTree.Lanes) sums.Add(Vector256.Load(magnitudes + i), Vector256.Load(magnitudes + i + 8), mask + i);
        sums.Store(_all, _kept);
        for (; i < count; i++, lane++) AddOne(lane % SumTree.Lanes, magnitudes[i], mask[i]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void AddOne(int lane, float magnitude, byte mask)
    {
        _all[lane] += magnitude;
        if (mask != 0) _kept[lane] += magnitude;
    }
}
