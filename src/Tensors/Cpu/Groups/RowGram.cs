using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Cpu.Vectors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.Groups;

/// <summary>The dot products of all pairs of K vectors, row by row, a range being rows. Strips of a row stay in the first-level cache while its pairs are gone through.</summary>
internal unsafe struct RowGram : IRangeKernel
{
    public float** Vectors;
    public int Count;
    public int SumCount;
    public long RowLength;

    /// <summary>[rows][SumCount].</summary>
    public double* Products;

    /// <summary>[workers][SumCount][16].</summary>
    public double* Lanes;

    public WorkerPool Pool;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        double* lanes = Lanes + ((long)Pool.CurrentWorker * SumCount * SumTree.Lanes);
        float* padded = stackalloc float[OperationSet.MaxSumVectors * SumTree.Lanes];
        float** vectors = stackalloc float*[OperationSet.MaxSumVectors];
        long whole = RowLength / SumTree.Lanes * SumTree.Lanes;
        int strip = PairProducts.Strip(Count), rest = (int)(RowLength - whole);
        for (long row = start; row < start + count; row++)
        {
            new Span<double>(lanes, SumCount * SumTree.Lanes).Clear();
            long first = row * RowLength;
            for (long at = 0; at < whole; at += strip) default(PairProducts).Add<S, V, D>(lanes, Vectors, Count, first + at, (int)Math.Min(strip, whole - at));
            if (rest > 0)
            {
                // Zeros change no sum, as none is −0.
                new Span<float>(padded, Count * SumTree.Lanes).Clear();
                for (int k = 0; k < Count; k++)
                {
                    vectors[k] = padded + (k * SumTree.Lanes);
                    new Span<float>(Vectors[k] + first + whole, rest).CopyTo(new Span<float>(vectors[k], rest));
                }

                default(PairProducts).Add<S, V, D>(lanes, vectors, Count, 0, SumTree.Lanes);
            }

            double* products = Products + (row * SumCount);
            for (int s = 0; s < SumCount; s++) products[s] = SumTree.Halve(lanes + (s * SumTree.Lanes));
        }
    }
}
