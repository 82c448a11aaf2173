using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>
/// Σ v_i·v_j for all j ≤ i: two by two vectors at a time, so that four widened registers feed eight multiply-adds. The product of two float32 is exact in float64, so
/// the fused addition rounds as a separate one does.
/// </summary>
internal readonly unsafe struct PairProducts : ILaneSums
{
    /// <summary>Elements of the strips of all vectors: 16 KiB, with as much again on its way, fit the first-level cache.</summary>
    private const int StripElements = 4 * 1024;

    public static int Strip(int vectorCount) => vectorCount == 1 ? SumTree.Block : Math.Max(SumTree.Lanes, StripElements / vectorCount / SumTree.Lanes * SumTree.Lanes);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Add<S, V, D>(double* lanes, float** vectors, int vectorCount, long first, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        if (vectorCount == 1)
        {
            Reduction<Squares>.AddToLanes<S, V, D>(lanes, vectors[0] + first, vectors[0] + first, count);
            return;
        }

        double* unused = stackalloc double[SumTree.Lanes];
        for (int i = 0; i < vectorCount; i += 2)
        {
            // The last vector of an odd number is its own neighbour, and what comes of that is not kept.
            bool hasNext = i + 1 < vectorCount;
            float* a0 = vectors[i] + first, a1 = hasNext ? vectors[i + 1] + first : a0;
            double* row0 = lanes + (SumTree.Lanes * RunningSums.PairIndex(i, 0)), row1 = row0 + (SumTree.Lanes * (i + 1));
            for (int j = 0; j < i; j += 2)
            {
                double* at = row0 + (SumTree.Lanes * j), below = hasNext ? row1 + (SumTree.Lanes * j) : unused;
                Tile<S, V, D>(at, at + SumTree.Lanes, below, hasNext ? below + SumTree.Lanes : unused, a0, a1, vectors[j] + first, vectors[j + 1] + first, count);
            }

            Corner<S, V, D>(row0 + (SumTree.Lanes * i), hasNext ? row1 + (SumTree.Lanes * i) : unused, hasNext ? row1 + (SumTree.Lanes * (i + 1)) : unused, a0, a1, count);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile<S, V, D>(double* s00, double* s01, double* s10, double* s11, float* a0, float* a1, float* b0, float* b1, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        int half = S.Count / 2;
        for (int g = 0; g < SumTree.Lanes; g += S.Count)
        {
            D l00 = S.LoadDouble(s00 + g), h00 = S.LoadDouble(s00 + g + half), l01 = S.LoadDouble(s01 + g), h01 = S.LoadDouble(s01 + g + half);
            D l10 = S.LoadDouble(s10 + g), h10 = S.LoadDouble(s10 + g + half), l11 = S.LoadDouble(s11 + g), h11 = S.LoadDouble(s11 + g + half);
            for (int i = g; i < count; i += SumTree.Lanes)
            {
                V x0 = S.Load(a0 + i), x1 = S.Load(a1 + i), y0 = S.Load(b0 + i), y1 = S.Load(b1 + i);
                D p = S.WidenLower(x0), q = S.WidenLower(x1), r = S.WidenLower(y0), s = S.WidenLower(y1);
                l00 = S.FusedMultiplyAdd(p, r, l00);
                l01 = S.FusedMultiplyAdd(p, s, l01);
                l10 = S.FusedMultiplyAdd(q, r, l10);
                l11 = S.FusedMultiplyAdd(q, s, l11);
                p = S.WidenUpper(x0);
                q = S.WidenUpper(x1);
                r = S.WidenUpper(y0);
                s = S.WidenUpper(y1);
                h00 = S.FusedMultiplyAdd(p, r, h00);
                h01 = S.FusedMultiplyAdd(p, s, h01);
                h10 = S.FusedMultiplyAdd(q, r, h10);
                h11 = S.FusedMultiplyAdd(q, s, h11);
            }

            S.StoreDouble(s00 + g, l00);
            S.StoreDouble(s00 + g + half, h00);
            S.StoreDouble(s01 + g, l01);
            S.StoreDouble(s01 + g + half, h01);
            S.StoreDouble(s10 + g, l10);
            S.StoreDouble(s10 + g + half, h10);
            S.StoreDouble(s11 + g, l11);
            S.StoreDouble(s11 + g + half, h11);
        }
    }

    public void AddPiece<S, V, D>(double* lanes, float** vectors, int vectorCount, long first, int lane, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct => BlockSums<PairProducts>.AddPadded<S, V, D>(this, lanes, vectors, vectorCount, first, lane, count);

    /// <summary>A tile on the diagonal: a0·a0, a1·a0 and a1·a1. Every vector comes here once, so this asks for the next strip.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Corner<S, V, D>(double* s00, double* s10, double* s11, float* a0, float* a1, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        int half = S.Count / 2;
        for (int g = 0; g < SumTree.Lanes; g += S.Count)
        {
            D l00 = S.LoadDouble(s00 + g), h00 = S.LoadDouble(s00 + g + half), l10 = S.LoadDouble(s10 + g), h10 = S.LoadDouble(s10 + g + half);
            D l11 = S.LoadDouble(s11 + g), h11 = S.LoadDouble(s11 + g + half);
            for (int i = g; i < count; i += SumTree.Lanes)
            {
                if (g == 0)
                {
                    S.Prefetch(a0 + i + count);
                    S.Prefetch(a1 + i + count);
                }

                V x0 = S.Load(a0 + i), x1 = S.Load(a1 + i);
                D p = S.WidenLower(x0), q = S.WidenLower(x1), r = S.WidenUpper(x0), s = S.WidenUpper(x1);
                l00 = S.FusedMultiplyAdd(p, p, l00);
                l10 = S.FusedMultiplyAdd(q, p, l10);
                l11 = S.FusedMultiplyAdd(q, q, l11);
                h00 = S.FusedMultiplyAdd(r, r, h00);
                h10 = S.FusedMultiplyAdd(s, r, h10);
                h11 = S.FusedMultiplyAdd(s, s, h11);
            }

            S.StoreDouble(s00 + g, l00);
            S.StoreDouble(s00 + g + half, h00);
            S.StoreDouble(s10 + g, l10);
            S.StoreDouble(s10 + g + half, h10);
            S.StoreDouble(s11 + g, l11);
            S.StoreDouble(s11 + g + half, h11);
        }
    }
}
