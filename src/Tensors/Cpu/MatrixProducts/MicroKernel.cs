using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.MatrixProducts;

/// <summary>What a micro-kernel does with a finished vector of sums.</summary>
internal unsafe interface ITileSink
{
    static abstract void Put<S, V>(float* target, V sum)
        where S : struct, ISimd<V>
        where V : struct;
}

/// <summary>
/// The innermost loop of every product: C (rows × 2 vectors) from rows of A and a panel of B, all sums in registers. Element (r, p) of A is at
/// <c>a[r·aRow + p·aStep]</c>, so A may be row-major (aRow = stride, aStep = 1), transposed (1, stride) or packed (1, height); row p of B is the two
/// vectors that the panel's format P reads at <c>b + p·bStep</c>. One chain of fused multiply-adds runs through p = 0 … k-1 for every element,
/// whatever the tile's height: so a result does not depend on how a matrix was cut into tiles.
/// </summary>
/// <remarks>
/// 12 × 2 sums fill 24 of AVX-512's 32 registers, 6 × 2 fill 12 of the 16 registers of the narrower sets. B comes as two loads and A as one
/// broadcast a row, against two multiply-adds a row: the multipliers, two a cycle, are the limit. With every row of B the one at <c>ahead</c> is asked for, which moves on by <c>aheadStep</c> floats.
/// </remarks>
internal static unsafe class MicroKernel<S, V>
    where S : struct, ISimd<V>
    where V : struct
{
    /// <summary>Rows of the highest kernel.</summary>
    public static int Rows
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => S.Count == 16 ? 12 : 6;
    }

    /// <summary>Columns of a tile.</summary>
    public static int Columns
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 2 * S.Count;
    }

    /// <summary>
    /// Rows of the tile to begin <paramref name="rows"/> rows with, for the fewest cycles in all: a tile of 1 to 3 rows takes as long as one of 4, since the next
    /// multiply-add of a sum waits four cycles for the last. So 50 rows are 12, 12, 12, 8 and 6, and not 12, 12, 12, 12 and 2.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int TileRows(int rows) => rows >= 2 * Rows ? Rows : S.Count == 16 ? WideTiles[rows] : NarrowTiles[rows];

    private static ReadOnlySpan<byte> WideTiles => [0, 1, 2, 3, 4, 4, 6, 4, 8, 6, 6, 8, 12, 6, 8, 12, 8, 8, 12, 12, 12, 12, 12, 12];

    private static ReadOnlySpan<byte> NarrowTiles => [0, 1, 2, 3, 4, 4, 6, 4, 4, 6, 6, 4];

    /// <summary>Hands <paramref name="rows"/> (any number) × <see cref="Columns"/> sums to the sink, row r at <c>c + r·cRow</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Multiply<T, P>(int rows, int k, float* a, nint aRow, nint aStep, float* b, nint bStep, float* ahead, nint aheadStep, float* c, nint cRow)
        where T : struct, ITileSink
        where P : struct, IPanelFormat
    {
        while (rows > 0)
        {
            int height = TileRows(rows);
            if (S.Count == 16 && height == 12)
                Rows12<T, P>(k, a, aRow, aStep, b, bStep, ahead, aheadStep, c, cRow);
            else if (S.Count != 16 && height == 6)
                Rows6<T, P>(k, a, aRow, aStep, b, bStep, ahead, aheadStep, c, cRow);
            else
                Lower<T, P>(height, k, a, aRow, aStep, b, bStep, ahead, aheadStep, c, cRow);
            rows -= height;
            a += height * aRow;
            c += height * cRow;
        }
    }

    /// <summary>A tile that is lower than the highest.</summary>
    private static void Lower<T, P>(int height, int k, float* a, nint aRow, nint aStep, float* b, nint bStep, float* ahead, nint aheadStep, float* c, nint cRow)
        where T : struct, ITileSink
        where P : struct, IPanelFormat
    {
        switch (height)
        {
            case 8:
                Rows8<T, P>(k, a, aRow, aStep, b, bStep, ahead, aheadStep, c, cRow);
                break;
            case 6:
                Rows6<T, P>(k, a, aRow, aStep, b, bStep, ahead, aheadStep, c, cRow);
                break;
            case 4:
                Rows4<T, P>(k, a, aRow, aStep, b, bStep, ahead, aheadStep, c, cRow);
                break;
            case 3:
                Rows3<T, P>(k, a, aRow, aStep, b, bStep, ahead, aheadStep, c, cRow);
                break;
            case 2:
                Rows2<T, P>(k, a, aRow, aStep, b, bStep, ahead, aheadStep, c, cRow);
                break;
            default:
                Rows1<T, P>(k, a, aRow, aStep, b, bStep, ahead, aheadStep, c, cRow);
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows12<T, P>(int k, float* a, nint aRow, nint aStep, float* b, nint bStep, float* ahead, nint aheadStep, float* c, nint cRow)
        where T : struct, ITileSink
        where P : struct, IPanelFormat
    {
        nint aRow2 = 2 * aRow;
        float* a3 = a + 3 * aRow, a6 = a + 6 * aRow, a9 = a + 9 * aRow;
        V l0 = S.Zero, h0 = S.Zero, l1 = S.Zero, h1 = S.Zero, l2 = S.Zero, h2 = S.Zero;
        V l3 = S.Zero, h3 = S.Zero, l4 = S.Zero, h4 = S.Zero, l5 = S.Zero, h5 = S.Zero;
        V l6 = S.Zero, h6 = S.Zero, l7 = S.Zero, h7 = S.Zero, l8 = S.Zero, h8 = S.Zero;
        V l9 = S.Zero, h9 = S.Zero, l10 = S.Zero, h10 = S.Zero, l11 = S.Zero, h11 = S.Zero;
        for (; k > 0; k--)
        {
            P.Prefetch<S, V>(ahead);
            V low = P.Low<S, V>(b), high = P.High<S, V>(b);
            V x = S.Create(a[0]);
            l0 = S.MultiplyAdd(x, low, l0);
            h0 = S.MultiplyAdd(x, high, h0);
            x = S.Create(a[aRow]);
            l1 = S.MultiplyAdd(x, low, l1);
            h1 = S.MultiplyAdd(x, high, h1);
            x = S.Create(a[aRow2]);
            l2 = S.MultiplyAdd(x, low, l2);
            h2 = S.MultiplyAdd(x, high, h2);
            x = S.Create(a3[0]);
            l3 = S.MultiplyAdd(x, low, l3);
            h3 = S.MultiplyAdd(x, high, h3);
            x = S.Create(a3[aRow]);
            l4 = S.MultiplyAdd(x, low, l4);
            h4 = S.MultiplyAdd(x, high, h4);
            x = S.Create(a3[aRow2]);
            l5 = S.MultiplyAdd(x, low, l5);
            h5 = S.MultiplyAdd(x, high, h5);
            x = S.Create(a6[0]);
            l6 = S.MultiplyAdd(x, low, l6);
            h6 = S.MultiplyAdd(x, high, h6);
            x = S.Create(a6[aRow]);
            l7 = S.MultiplyAdd(x, low, l7);
            h7 = S.MultiplyAdd(x, high, h7);
            x = S.Create(a6[aRow2]);
            l8 = S.MultiplyAdd(x, low, l8);
            h8 = S.MultiplyAdd(x, high, h8);
            x = S.Create(a9[0]);
            l9 = S.MultiplyAdd(x, low, l9);
            h9 = S.MultiplyAdd(x, high, h9);
            x = S.Create(a9[aRow]);
            l10 = S.MultiplyAdd(x, low, l10);
            h10 = S.MultiplyAdd(x, high, h10);
            x = S.Create(a9[aRow2]);
            l11 = S.MultiplyAdd(x, low, l11);
            h11 = S.MultiplyAdd(x, high, h11);
            a += aStep;
            a3 += aStep;
            a6 += aStep;
            a9 += aStep;
            b += bStep;
            ahead += aheadStep;
        }
        T.Put<S, V>(c, l0);
        T.Put<S, V>(c + S.Count, h0);
        c += cRow;
        T.Put<S, V>(c, l1);
        T.Put<S, V>(c + S.Count, h1);
        c += cRow;
        T.Put<S, V>(c, l2);
        T.Put<S, V>(c + S.Count, h2);
        c += cRow;
        T.Put<S, V>(c, l3);
        T.Put<S, V>(c + S.Count, h3);
        c += cRow;
        T.Put<S, V>(c, l4);
        T.Put<S, V>(c + S.Count, h4);
        c += cRow;
        T.Put<S, V>(c, l5);
        T.Put<S, V>(c + S.Count, h5);
        c += cRow;
        T.Put<S, V>(c, l6);
        T.Put<S, V>(c + S.Count, h6);
        c += cRow;
        T.Put<S, V>(c, l7);
        T.Put<S, V>(c + S.Count, h7);
        c += cRow;
        T.Put<S, V>(c, l8);
        T.Put<S, V>(c + S.Count, h8);
        c += cRow;
        T.Put<S, V>(c, l9);
        T.Put<S, V>(c + S.Count, h9);
        c += cRow;
        T.Put<S, V>(c, l10);
        T.Put<S, V>(c + S.Count, h10);
        c += cRow;
        T.Put<S, V>(c, l11);
        T.Put<S, V>(c + S.Count, h11);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows8<T, P>(int k, float* a, nint aRow, nint aStep, float* b, nint bStep, float* ahead, nint aheadStep, float* c, nint cRow)
        where T : struct, ITileSink
        where P : struct, IPanelFormat
    {
        nint aRow2 = 2 * aRow;
        float* a3 = a + 3 * aRow, a6 = a + 6 * aRow;
        V l0 = S.Zero, h0 = S.Zero, l1 = S.Zero, h1 = S.Zero, l2 = S.Zero, h2 = S.Zero;
        V l3 = S.Zero, h3 = S.Zero, l4 = S.Zero, h4 = S.Zero, l5 = S.Zero, h5 = S.Zero;
        V l6 = S.Zero, h6 = S.Zero, l7 = S.Zero, h7 = S.Zero;
        for (; k > 0; k--)
        {
            P.Prefetch<S, V>(ahead);
            V low = P.Low<S, V>(b), high = P.High<S, V>(b);
            V x = S.Create(a[0]);
            l0 = S.MultiplyAdd(x, low, l0);
            h0 = S.MultiplyAdd(x, high, h0);
            x = S.Create(a[aRow]);
            l1 = S.MultiplyAdd(x, low, l1);
            h1 = S.MultiplyAdd(x, high, h1);
            x = S.Create(a[aRow2]);
            l2 = S.MultiplyAdd(x, low, l2);
            h2 = S.MultiplyAdd(x, high, h2);
            x = S.Create(a3[0]);
            l3 = S.MultiplyAdd(x, low, l3);
            h3 = S.MultiplyAdd(x, high, h3);
            x = S.Create(a3[aRow]);
            l4 = S.MultiplyAdd(x, low, l4);
            h4 = S.MultiplyAdd(x, high, h4);
            x = S.Create(a3[aRow2]);
            l5 = S.MultiplyAdd(x, low, l5);
            h5 = S.MultiplyAdd(x, high, h5);
            x = S.Create(a6[0]);
            l6 = S.MultiplyAdd(x, low, l6);
            h6 = S.MultiplyAdd(x, high, h6);
            x = S.Create(a6[aRow]);
            l7 = S.MultiplyAdd(x, low, l7);
            h7 = S.MultiplyAdd(x, high, h7);
            a += aStep;
            a3 += aStep;
            a6 += aStep;
            b += bStep;
            ahead += aheadStep;
        }
        T.Put<S, V>(c, l0);
        T.Put<S, V>(c + S.Count, h0);
        c += cRow;
        T.Put<S, V>(c, l1);
        T.Put<S, V>(c + S.Count, h1);
        c += cRow;
        T.Put<S, V>(c, l2);
        T.Put<S, V>(c + S.Count, h2);
        c += cRow;
        T.Put<S, V>(c, l3);
        T.Put<S, V>(c + S.Count, h3);
        c += cRow;
        T.Put<S, V>(c, l4);
        T.Put<S, V>(c + S.Count, h4);
        c += cRow;
        T.Put<S, V>(c, l5);
        T.Put<S, V>(c + S.Count, h5);
        c += cRow;
        T.Put<S, V>(c, l6);
        T.Put<S, V>(c + S.Count, h6);
        c += cRow;
        T.Put<S, V>(c, l7);
        T.Put<S, V>(c + S.Count, h7);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows6<T, P>(int k, float* a, nint aRow, nint aStep, float* b, nint bStep, float* ahead, nint aheadStep, float* c, nint cRow)
        where T : struct, ITileSink
        where P : struct, IPanelFormat
    {
        nint aRow2 = 2 * aRow;
        float* a3 = a + 3 * aRow;
        V l0 = S.Zero, h0 = S.Zero, l1 = S.Zero, h1 = S.Zero, l2 = S.Zero, h2 = S.Zero;
        V l3 = S.Zero, h3 = S.Zero, l4 = S.Zero, h4 = S.Zero, l5 = S.Zero, h5 = S.Zero;
        for (; k > 0; k--)
        {
            P.Prefetch<S, V>(ahead);
            V low = P.Low<S, V>(b), high = P.High<S, V>(b);
            V x = S.Create(a[0]);
            l0 = S.MultiplyAdd(x, low, l0);
            h0 = S.MultiplyAdd(x, high, h0);
            x = S.Create(a[aRow]);
            l1 = S.MultiplyAdd(x, low, l1);
            h1 = S.MultiplyAdd(x, high, h1);
            x = S.Create(a[aRow2]);
            l2 = S.MultiplyAdd(x, low, l2);
            h2 = S.MultiplyAdd(x, high, h2);
            x = S.Create(a3[0]);
            l3 = S.MultiplyAdd(x, low, l3);
            h3 = S.MultiplyAdd(x, high, h3);
            x = S.Create(a3[aRow]);
            l4 = S.MultiplyAdd(x, low, l4);
            h4 = S.MultiplyAdd(x, high, h4);
            x = S.Create(a3[aRow2]);
            l5 = S.MultiplyAdd(x, low, l5);
            h5 = S.MultiplyAdd(x, high, h5);
            a += aStep;
            a3 += aStep;
            b += bStep;
            ahead += aheadStep;
        }
        T.Put<S, V>(c, l0);
        T.Put<S, V>(c + S.Count, h0);
        c += cRow;
        T.Put<S, V>(c, l1);
        T.Put<S, V>(c + S.Count, h1);
        c += cRow;
        T.Put<S, V>(c, l2);
        T.Put<S, V>(c + S.Count, h2);
        c += cRow;
        T.Put<S, V>(c, l3);
        T.Put<S, V>(c + S.Count, h3);
        c += cRow;
        T.Put<S, V>(c, l4);
        T.Put<S, V>(c + S.Count, h4);
        c += cRow;
        T.Put<S, V>(c, l5);
        T.Put<S, V>(c + S.Count, h5);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows4<T, P>(int k, float* a, nint aRow, nint aStep, float* b, nint bStep, float* ahead, nint aheadStep, float* c, nint cRow)
        where T : struct, ITileSink
        where P : struct, IPanelFormat
    {
        nint aRow2 = 2 * aRow;
        float* a3 = a + 3 * aRow;
        V l0 = S.Zero, h0 = S.Zero, l1 = S.Zero, h1 = S.Zero, l2 = S.Zero, h2 = S.Zero;
        V l3 = S.Zero, h3 = S.Zero;
        for (; k > 0; k--)
        {
            P.Prefetch<S, V>(ahead);
            V low = P.Low<S, V>(b), high = P.High<S, V>(b);
            V x = S.Create(a[0]);
            l0 = S.MultiplyAdd(x, low, l0);
            h0 = S.MultiplyAdd(x, high, h0);
            x = S.Create(a[aRow]);
            l1 = S.MultiplyAdd(x, low, l1);
            h1 = S.MultiplyAdd(x, high, h1);
            x = S.Create(a[aRow2]);
            l2 = S.MultiplyAdd(x, low, l2);
            h2 = S.MultiplyAdd(x, high, h2);
            x = S.Create(a3[0]);
            l3 = S.MultiplyAdd(x, low, l3);
            h3 = S.MultiplyAdd(x, high, h3);
            a += aStep;
            a3 += aStep;
            b += bStep;
            ahead += aheadStep;
        }
        T.Put<S, V>(c, l0);
        T.Put<S, V>(c + S.Count, h0);
        c += cRow;
        T.Put<S, V>(c, l1);
        T.Put<S, V>(c + S.Count, h1);
        c += cRow;
        T.Put<S, V>(c, l2);
        T.Put<S, V>(c + S.Count, h2);
        c += cRow;
        T.Put<S, V>(c, l3);
        T.Put<S, V>(c + S.Count, h3);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows3<T, P>(int k, float* a, nint aRow, nint aStep, float* b, nint bStep, float* ahead, nint aheadStep, float* c, nint cRow)
        where T : struct, ITileSink
        where P : struct, IPanelFormat
    {
        nint aRow2 = 2 * aRow;
        V l0 = S.Zero, h0 = S.Zero, l1 = S.Zero, h1 = S.Zero, l2 = S.Zero, h2 = S.Zero;
        for (; k > 0; k--)
        {
            P.Prefetch<S, V>(ahead);
            V low = P.Low<S, V>(b), high = P.High<S, V>(b);
            V x = S.Create(a[0]);
            l0 = S.MultiplyAdd(x, low, l0);
            h0 = S.MultiplyAdd(x, high, h0);
            x = S.Create(a[aRow]);
            l1 = S.MultiplyAdd(x, low, l1);
            h1 = S.MultiplyAdd(x, high, h1);
            x = S.Create(a[aRow2]);
            l2 = S.MultiplyAdd(x, low, l2);
            h2 = S.MultiplyAdd(x, high, h2);
            a += aStep;
            b += bStep;
            ahead += aheadStep;
        }
        T.Put<S, V>(c, l0);
        T.Put<S, V>(c + S.Count, h0);
        c += cRow;
        T.Put<S, V>(c, l1);
        T.Put<S, V>(c + S.Count, h1);
        c += cRow;
        T.Put<S, V>(c, l2);
        T.Put<S, V>(c + S.Count, h2);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows2<T, P>(int k, float* a, nint aRow, nint aStep, float* b, nint bStep, float* ahead, nint aheadStep, float* c, nint cRow)
        where T : struct, ITileSink
        where P : struct, IPanelFormat
    {
        V l0 = S.Zero, h0 = S.Zero, l1 = S.Zero, h1 = S.Zero;
        for (; k > 0; k--)
        {
            P.Prefetch<S, V>(ahead);
            V low = P.Low<S, V>(b), high = P.High<S, V>(b);
            V x = S.Create(a[0]);
            l0 = S.MultiplyAdd(x, low, l0);
            h0 = S.MultiplyAdd(x, high, h0);
            x = S.Create(a[aRow]);
            l1 = S.MultiplyAdd(x, low, l1);
            h1 = S.MultiplyAdd(x, high, h1);
            a += aStep;
            b += bStep;
            ahead += aheadStep;
        }
        T.Put<S, V>(c, l0);
        T.Put<S, V>(c + S.Count, h0);
        c += cRow;
        T.Put<S, V>(c, l1);
        T.Put<S, V>(c + S.Count, h1);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows1<T, P>(int k, float* a, nint aRow, nint aStep, float* b, nint bStep, float* ahead, nint aheadStep, float* c, nint cRow)
        where T : struct, ITileSink
        where P : struct, IPanelFormat
    {
        V l0 = S.Zero, h0 = S.Zero;
        for (; k > 0; k--)
        {
            P.Prefetch<S, V>(ahead);
            V low = P.Low<S, V>(b), high = P.High<S, V>(b);
            V x = S.Create(a[0]);
            l0 = S.MultiplyAdd(x, low, l0);
            h0 = S.MultiplyAdd(x, high, h0);
            a += aStep;
            b += bStep;
            ahead += aheadStep;
        }
        T.Put<S, V>(c, l0);
        T.Put<S, V>(c + S.Count, h0);
    }
}
