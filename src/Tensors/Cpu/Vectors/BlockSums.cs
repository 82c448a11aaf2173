using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>Adds a strip of K vectors to the 16 lanes of each of their sums.</summary>
internal unsafe interface ILaneSums
{
    /// <summary>Elements of each of <paramref name="vectorCount"/> vectors in a strip, a multiple of 16.</summary>
    static abstract int Strip(int vectorCount);

    /// <summary>
    /// The strip is <paramref name="count"/> elements, a multiple of 16, of each vector from <paramref name="first"/> on; that element belongs to lane 0. Lanes of sum s are at
    /// <paramref name="lanes"/> + 16·s.
    /// </summary>
    void Add<S, V, D>(double* lanes, float** vectors, int vectorCount, long first, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct;

    /// <summary>
    /// The same for fewer than 16 elements, of which the first belongs to lane <paramref name="lane"/>, with zeros around them: they change no sum, as none is −0.
    /// </summary>
    void AddPiece<S, V, D>(double* lanes, float** vectors, int vectorCount, long first, int lane, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct;
}

/// <summary>
/// Sums of K vectors over the blocks of <see cref="SumTree"/>, one task a block. The first block may have begun in the chunk before, the last one may go on in the next.
/// A block is done in strips that stay in the first-level cache, so that K vectors are read from memory once, whatever the number of sums.
/// </summary>
internal unsafe struct BlockSums<TLaneSums> : IRangeKernel
    where TLaneSums : struct, ILaneSums
{
    public float** Vectors;
    public int Count;
    public int SumCount;

    /// <summary>Where block 0 of this pass begins in the vectors; negative when part of it came with the chunk before.</summary>
    public long First;

    /// <summary>Elements of block 0 that came with the chunk before.</summary>
    public int Before;

    /// <summary>The unfinished sums: read by block 0 for its lanes, written after the pass.</summary>
    public double* State;

    /// <summary>[SumCount][16]: lanes of the last block, if it goes on in the next chunk.</summary>
    public double* Open;

    /// <summary>[blocks][SumCount]: sums of finished blocks.</summary>
    public double* Sums;

    /// <summary>[workers][SumCount][16].</summary>
    public double* Lanes;

    public WorkerPool Pool;
    public TLaneSums Terms;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        const int lanesOfSum = SumTree.Lanes;
        double* lanes = Lanes + ((long)Pool.CurrentWorker * SumCount * lanesOfSum);
        int from = start == 0 ? Before : 0;
        if (from == 0) new Span<double>(lanes, SumCount * lanesOfSum).Clear();
        else for (int s = 0; s < SumCount; s++) new Span<double>(State + ((long)s * SumTree.StateLength), lanesOfSum).CopyTo(new Span<double>(lanes + (s * lanesOfSum), lanesOfSum));

        if (from % lanesOfSum != 0)
        {
            int to = Math.Min(count, (from | (lanesOfSum - 1)) + 1);
            Terms.AddPiece<S, V, D>(lanes, Vectors, Count, First + start + from, from % lanesOfSum, to - from);
            from = to;
        }

        int strip = TLaneSums.Strip(Count), whole = count / lanesOfSum * lanesOfSum;
        for (; from < whole; from += strip)
            Terms.Add<S, V, D>(lanes, Vectors, Count, First + start + from, Math.Min(strip, whole - from));
        if (whole < count && whole >= (start == 0 ? Before : 0)) Terms.AddPiece<S, V, D>(lanes, Vectors, Count, First + start + whole, 0, count - whole);

        if (count != SumTree.Block)
        {
            Buffer.MemoryCopy(lanes, Open, (long)SumCount * lanesOfSum * sizeof(double), (long)SumCount * lanesOfSum * sizeof(double));
            return;
        }

        double* sums = Sums + (start / SumTree.Block * SumCount);
        for (int s = 0; s < SumCount; s++) sums[s] = SumTree.Halve(lanes + (s * lanesOfSum));
    }

    /// <summary>Takes over what a pass over <paramref name="covered"/> elements, from block number <paramref name="block"/> on, has found.</summary>
    public readonly void PushTo(long block, long covered)
    {
        for (int s = 0; s < SumCount; s++)
        {
            double* state = State + ((long)s * SumTree.StateLength);
            for (long b = 0; b < covered / SumTree.Block; b++) SumTree.Push(state, Sums[(b * SumCount) + s], block + b);
            if (covered % SumTree.Block != 0) new Span<double>(Open + (s * SumTree.Lanes), SumTree.Lanes).CopyTo(new Span<double>(state, SumTree.Lanes));
        }
    }

    /// <summary><see cref="ILaneSums.AddPiece"/> for terms of the vectors alone, which are copied with the zeros.</summary>
    internal static void AddPadded<S, V, D>(TLaneSums terms, double* lanes, float** all, int vectorCount, long first, int lane, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        float* padded = stackalloc float[OperationSet.MaxSumVectors * SumTree.Lanes];
        float** vectors = stackalloc float*[OperationSet.MaxSumVectors];
        new Span<float>(padded, vectorCount * SumTree.Lanes).Clear();
        for (int k = 0; k < vectorCount; k++)
        {
            vectors[k] = padded + (k * SumTree.Lanes);
            new Span<float>(all[k] + first, count).CopyTo(new Span<float>(vectors[k] + lane, count));
        }

        terms.Add<S, V, D>(lanes, vectors, vectorCount, 0, SumTree.Lanes);
    }
}

/// <summary>Σ of one term of each vector.</summary>
internal readonly unsafe struct EachVector<TReduction> : ILaneSums
    where TReduction : struct, IReduction
{
    /// <summary>One vector after the other: nothing is read twice.</summary>
    public static int Strip(int vectorCount) => SumTree.Block;

    public void Add<S, V, D>(double* lanes, float** vectors, int vectorCount, long first, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        for (int k = 0; k < vectorCount; k++)
            Reduction<TReduction>.AddToLanes<S, V, D>(lanes + (k * SumTree.Lanes), vectors[k] + first, vectors[k] + first, count);
    }

    public void AddPiece<S, V, D>(double* lanes, float** vectors, int vectorCount, long first, int lane, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct => BlockSums<EachVector<TReduction>>.AddPadded<S, V, D>(this, lanes, vectors, vectorCount, first, lane, count);
}
