using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Attention;

/// <summary>
/// Products of as many heads as a vector has lanes: C[i, j] = Σ_l A[i, l]·B[l, j], where every element is a vector. Strides are in floats and free, so transposes cost
/// nothing. Each element is one chain of multiply-adds over l.
/// </summary>
internal static unsafe class LaneProduct<S, V>
    where S : struct, ISimd<V>
    where V : struct
{
    private const int Tile = 4, Strip = 8;

    /// <param name="c">m·n vectors, a row after the other.</param>
    /// <param name="a">Element (i, l) lies at i·aRow + l·aDepth.</param>
    /// <param name="aRow">Floats between rows of A.</param>
    /// <param name="aDepth">Floats between columns of A.</param>
    /// <param name="b">Element (l, j) lies at l·bDepth + j·bColumn.</param>
    /// <param name="bDepth">Floats between rows of B.</param>
    /// <param name="bColumn">Floats between columns of B.</param>
    /// <param name="m">Rows of C.</param>
    /// <param name="n">Columns of C.</param>
    /// <param name="k">Length of the sums.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(float* c, float* a, nint aRow, nint aDepth, float* b, nint bDepth, nint bColumn, int m, int n, int k)
    {
        nint cRow = (nint)n * S.Count;
        int wholeRows = m / Tile * Tile, wholeColumns = n / Tile * Tile;
        for (int i = 0; i < wholeRows; i += Tile)
        {
            for (int j = 0; j < wholeColumns; j += Tile)
                Tile4(c + (i * cRow) + (j * S.Count), cRow, a + (i * aRow), aRow, aDepth, b + (j * bColumn), bDepth, bColumn, k);
        }

        for (int j = wholeColumns; j < n; j++)
        {
            for (int i = 0; i < wholeRows; i += Strip)
                Strip8(c + (i * cRow) + (j * S.Count), cRow, b + (j * bColumn), bDepth, a + (i * aRow), aRow, aDepth, Math.Min(Strip, wholeRows - i), k);
        }

        for (int i = wholeRows; i < m; i++)
        {
            for (int j = 0; j < n; j += Strip)
                Strip8(c + (i * cRow) + (j * S.Count), S.Count, a + (i * aRow), aDepth, b + (j * bColumn), bColumn, bDepth, Math.Min(Strip, n - j), k);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile4(float* c, nint cRow, float* a, nint aRow, nint aDepth, float* b, nint bDepth, nint bColumn, int k)
    {
        float* a2 = a + (2 * aRow), b2 = b + (2 * bColumn);
        V s00 = S.Zero, s01 = S.Zero, s02 = S.Zero, s03 = S.Zero;
        V s10 = S.Zero, s11 = S.Zero, s12 = S.Zero, s13 = S.Zero;
        V s20 = S.Zero, s21 = S.Zero, s22 = S.Zero, s23 = S.Zero;
        V s30 = S.Zero, s31 = S.Zero, s32 = S.Zero, s33 = S.Zero;
        for (int l = 0; l < k; l++)
        {
            V y0 = S.Load(b), y1 = S.Load(b + bColumn), y2 = S.Load(b2), y3 = S.Load(b2 + bColumn), x = S.Load(a);
            s00 = S.MultiplyAdd(x, y0, s00);
            s01 = S.MultiplyAdd(x, y1, s01);
            s02 = S.MultiplyAdd(x, y2, s02);
            s03 = S.MultiplyAdd(x, y3, s03);
            x = S.Load(a + aRow);
            s10 = S.MultiplyAdd(x, y0, s10);
            s11 = S.MultiplyAdd(x, y1, s11);
            s12 = S.MultiplyAdd(x, y2, s12);
            s13 = S.MultiplyAdd(x, y3, s13);
            x = S.Load(a2);
            s20 = S.MultiplyAdd(x, y0, s20);
            s21 = S.MultiplyAdd(x, y1, s21);
            s22 = S.MultiplyAdd(x, y2, s22);
            s23 = S.MultiplyAdd(x, y3, s23);
            x = S.Load(a2 + aRow);
            s30 = S.MultiplyAdd(x, y0, s30);
            s31 = S.MultiplyAdd(x, y1, s31);
            s32 = S.MultiplyAdd(x, y2, s32);
            s33 = S.MultiplyAdd(x, y3, s33);
            a += aDepth;
            a2 += aDepth;
            b += bDepth;
            b2 += bDepth;
        }

        S.Store(c, s00);
        S.Store(c + S.Count, s01);
        S.Store(c + (2 * S.Count), s02);
        S.Store(c + (3 * S.Count), s03);
        c += cRow;
        S.Store(c, s10);
        S.Store(c + S.Count, s11);
        S.Store(c + (2 * S.Count), s12);
        S.Store(c + (3 * S.Count), s13);
        c += cRow;
        S.Store(c, s20);
        S.Store(c + S.Count, s21);
        S.Store(c + (2 * S.Count), s22);
        S.Store(c + (3 * S.Count), s23);
        c += cRow;
        S.Store(c, s30);
        S.Store(c + S.Count, s31);
        S.Store(c + (2 * S.Count), s32);
        S.Store(c + (3 * S.Count), s33);
    }

    /// <summary>One row of C, or of its transpose: up to eight sums of x times the rows of y. Rows that are missing repeat the last and are not stored.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Strip8(float* c, nint cStep, float* x, nint xDepth, float* y, nint yStep, nint yDepth, int count, int k)
    {
        float* y1 = y + (Math.Min(1, count - 1) * yStep), y2 = y + (Math.Min(2, count - 1) * yStep), y3 = y + (Math.Min(3, count - 1) * yStep), y4 = y + (Math.Min(4, count - 1) * yStep), y5 = y + (Math.Min(5, count - 1) * yStep), y6 = y + (Math.Min(6, count - 1) * yStep), y7 = y + (Math.Min(7, count - 1) * yStep);
        V s0 = S.Zero, s1 = S.Zero, s2 = S.Zero, s3 = S.Zero, s4 = S.Zero, s5 = S.Zero, s6 = S.Zero, s7 = S.Zero;
        nint at = 0;
        for (int l = 0; l < k; l++, x += xDepth, at += yDepth)
        {
            V own = S.Load(x);
            s0 = S.MultiplyAdd(own, S.Load(y + at), s0);
            s1 = S.MultiplyAdd(own, S.Load(y1 + at), s1);
            s2 = S.MultiplyAdd(own, S.Load(y2 + at), s2);
            s3 = S.MultiplyAdd(own, S.Load(y3 + at), s3);
            s4 = S.MultiplyAdd(own, S.Load(y4 + at), s4);
            s5 = S.MultiplyAdd(own, S.Load(y5 + at), s5);
            s6 = S.MultiplyAdd(own, S.Load(y6 + at), s6);
            s7 = S.MultiplyAdd(own, S.Load(y7 + at), s7);
        }

        S.Store(c, s0);
        if (count == 1) return;
        S.Store(c + cStep, s1);
        if (count == 2) return;
        S.Store(c + (2 * cStep), s2);
        if (count == 3) return;
        S.Store(c + (3 * cStep), s3);
        if (count == 4) return;
        S.Store(c + (4 * cStep), s4);
        if (count == 5) return;
        S.Store(c + (5 * cStep), s5);
        if (count == 6) return;
        S.Store(c + (6 * cStep), s6);
        if (count == 7) return;
        S.Store(c + (7 * cStep), s7);
    }
}
