using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>
/// Σ v_i·v of each vector before the last, v: four at a time, so that v is widened once for eight multiply-adds and eight chains of additions wait for each other. The product of two float32
/// is exact in float64, so the fused addition rounds as a separate one does.
/// </summary>
internal readonly unsafe struct LastProducts : ILaneSums
{
    /// <summary>Elements that are gone over more than once where a register has fewer than 16: with four vectors and the last one 20 KiB in the first-level cache.</summary>
    private const int Piece = 1024;

    /// <summary>
    /// How far ahead a vector is asked for: 2 KiB. Five long streams with that read faster than one stream alone does; strips short enough for the first-level cache
    /// stop and start too often.
    /// </summary>
    private const int Ahead = 512;

    /// <summary>The 64 KiB of the last vector stay in the second-level cache while the others pass, four by four.</summary>
    public static int Strip(int vectorCount) => SumTree.Block;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Add<S, V, D>(double* lanes, float** vectors, int vectorCount, long first, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        int others = vectorCount - 1;
        float* last = vectors[others] + first;
        double* unused = stackalloc double[SumTree.Lanes];
        for (int i = 0; i < others; i += 4, lanes += 4 * SumTree.Lanes)
        {
            int left = others - i;
            float* a0 = vectors[i] + first;
            if (left == 1)
            {
                Reduction<Products>.AddToLanes<S, V, D>(lanes, a0, last, count);
                return;
            }

            // A fourth vector that does not exist is the third again, and what comes of that is not kept.
            float* a1 = vectors[i + 1] + first, a2 = left > 2 ? vectors[i + 2] + first : a1, a3 = left > 3 ? vectors[i + 3] + first : a2;
            for (int at = 0; at < count; at += Piece)
            {
                int length = Math.Min(Piece, count - at);
                if (left > 2) Four<S, V, D>(lanes, left > 3 ? lanes + (3 * SumTree.Lanes) : unused, last + at, a0 + at, a1 + at, a2 + at, a3 + at, length);
                else Two<S, V, D>(lanes, last + at, a0 + at, a1 + at, length);
            }
        }
    }

    public void AddPiece<S, V, D>(double* lanes, float** vectors, int vectorCount, long first, int lane, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct => BlockSums<LastProducts>.AddPadded<S, V, D>(this, lanes, vectors, vectorCount, first, lane, count);

    /// <param name="sums">Lanes of the first three sums.</param>
    /// <param name="fourth">Lanes of the fourth.</param>
    /// <param name="b">The vector that all are multiplied by.</param>
    /// <param name="a0">The first of the others.</param>
    /// <param name="a1">The second.</param>
    /// <param name="a2">The third.</param>
    /// <param name="a3">The fourth.</param>
    /// <param name="count">Elements.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Four<S, V, D>(double* sums, double* fourth, float* b, float* a0, float* a1, float* a2, float* a3, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        int half = S.Count / 2;
        for (int g = 0; g < SumTree.Lanes; g += S.Count, sums += S.Count, fourth += S.Count)
        {
            double* second = sums + SumTree.Lanes, third = second + SumTree.Lanes;
            D l0 = S.LoadDouble(sums), h0 = S.LoadDouble(sums + half), l1 = S.LoadDouble(second), h1 = S.LoadDouble(second + half);
            D l2 = S.LoadDouble(third), h2 = S.LoadDouble(third + half), l3 = S.LoadDouble(fourth), h3 = S.LoadDouble(fourth + half);
            for (int i = g; i < count; i += SumTree.Lanes)
            {
                if (g == 0)
                {
                    S.Prefetch(b + i + Ahead);
                    S.Prefetch(a0 + i + Ahead);
                    S.Prefetch(a1 + i + Ahead);
                    S.Prefetch(a2 + i + Ahead);
                    S.Prefetch(a3 + i + Ahead);
                }

                V y = S.Load(b + i), x = S.Load(a0 + i);
                D p = S.WidenLower(y), q = S.WidenUpper(y);
                l0 = S.FusedMultiplyAdd(S.WidenLower(x), p, l0);
                h0 = S.FusedMultiplyAdd(S.WidenUpper(x), q, h0);
                x = S.Load(a1 + i);
                l1 = S.FusedMultiplyAdd(S.WidenLower(x), p, l1);
                h1 = S.FusedMultiplyAdd(S.WidenUpper(x), q, h1);
                x = S.Load(a2 + i);
                l2 = S.FusedMultiplyAdd(S.WidenLower(x), p, l2);
                h2 = S.FusedMultiplyAdd(S.WidenUpper(x), q, h2);
                x = S.Load(a3 + i);
                l3 = S.FusedMultiplyAdd(S.WidenLower(x), p, l3);
                h3 = S.FusedMultiplyAdd(S.WidenUpper(x), q, h3);
            }

            S.StoreDouble(sums, l0);
            S.StoreDouble(sums + half, h0);
            S.StoreDouble(second, l1);
            S.StoreDouble(second + half, h1);
            S.StoreDouble(third, l2);
            S.StoreDouble(third + half, h2);
            S.StoreDouble(fourth, l3);
            S.StoreDouble(fourth + half, h3);
        }
    }

    /// <summary><see cref="Four"/> for two vectors that are left.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Two<S, V, D>(double* sums, float* b, float* a0, float* a1, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        int half = S.Count / 2;
        for (int g = 0; g < SumTree.Lanes; g += S.Count, sums += S.Count)
        {
            double* second = sums + SumTree.Lanes;
            D l0 = S.LoadDouble(sums), h0 = S.LoadDouble(sums + half), l1 = S.LoadDouble(second), h1 = S.LoadDouble(second + half);
            for (int i = g; i < count; i += SumTree.Lanes)
            {
                if (g == 0)
                {
                    S.Prefetch(b + i + Ahead);
                    S.Prefetch(a0 + i + Ahead);
                    S.Prefetch(a1 + i + Ahead);
                }

                V y = S.Load(b + i), x = S.Load(a0 + i);
                D p = S.WidenLower(y), q = S.WidenUpper(y);
                l0 = S.FusedMultiplyAdd(S.WidenLower(x), p, l0);
                h0 = S.FusedMultiplyAdd(S.WidenUpper(x), q, h0);
                x = S.Load(a1 + i);
                l1 = S.FusedMultiplyAdd(S.WidenLower(x), p, l1);
                h1 = S.FusedMultiplyAdd(S.WidenUpper(x), q, h1);
            }

            S.StoreDouble(sums, l0);
            S.StoreDouble(sums + half, h0);
            S.StoreDouble(second, l1);
            S.StoreDouble(second + half, h1);
        }
    }
}
