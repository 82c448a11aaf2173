using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Attention;

/// <summary>
/// The small products of one attention head: C[m, n] = A[m, k]·B[k, n] (or +=). B and C are scratch whose rows are padded to whole vectors, so no
/// element needs care at an edge; A is read one element at a time at any two strides, which makes its transpose free.
/// </summary>
internal static unsafe class HeadProduct
{
    /// <summary>Rows of a tile: with three vectors across, twelve independent sums, enough to hide the latency of a multiply-add.</summary>
    private const int TileRows = 4;

    /// <summary>Longest sum in one chain; longer ones are added up from such parts, which keeps their rounding small.</summary>
    private const int LongestChain = 64;

    /// <param name="c">m rows, <paramref name="cStride"/> apart, of <paramref name="vectors"/> vectors.</param>
    /// <param name="cStride">Floats between rows of C.</param>
    /// <param name="a">Element (i, l) lies at i·aRow + l·aDepth.</param>
    /// <param name="aRow">Floats between rows of A.</param>
    /// <param name="aDepth">Floats between columns of A.</param>
    /// <param name="b">k rows.</param>
    /// <param name="bStride">Floats between rows of B.</param>
    /// <param name="m">Rows of C.</param>
    /// <param name="vectors">Vectors across.</param>
    /// <param name="k">Length of the sums.</param>
    /// <param name="accumulate">Add to C.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply<S, V>(
        float* c, nint cStride, float* a, nint aRow, nint aDepth, float* b, nint bStride, int m, int vectors, int k, bool accumulate = false)
        where S : struct, ISimd<V>
        where V : struct
    {
        for (int l = 0; l < k; l += LongestChain)
        {
            MultiplyPart<S, V>(
                c, cStride, a + (l * aDepth), aRow, aDepth, b + (l * bStride), bStride, m, vectors, Math.Min(LongestChain, k - l), accumulate || l > 0);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyPart<S, V>(
        float* c, nint cStride, float* a, nint aRow, nint aDepth, float* b, nint bStride, int m, int vectors, int k, bool accumulate)
        where S : struct, ISimd<V>
        where V : struct
    {
        int across;
        for (int j = 0; j < vectors; j += across)
        {
            int left = vectors - j;
            across = left == 4 ? 2 : Math.Min(left, 3);
            float* panel = b + (j * S.Count), target = c + (j * S.Count);
            for (int i = 0; i < m; i += TileRows)
            {
                // The last tile repeats its last row where rows are missing: the same values are stored again.
                nint r1 = Math.Min(i + 1, m - 1) - i, r2 = Math.Min(i + 2, m - 1) - i, r3 = Math.Min(i + 3, m - 1) - i;
                float* rows = a + (i * aRow), tile = target + (i * cStride);
                switch (across)
                {
                    case 3:
                        Tile3<S, V>(tile, cStride, r1, r2, r3, rows, aRow, aDepth, panel, bStride, k, accumulate);
                        break;
                    case 2:
                        Tile2<S, V>(tile, cStride, r1, r2, r3, rows, aRow, aDepth, panel, bStride, k, accumulate);
                        break;
                    default:
                        Tile1<S, V>(tile, cStride, r1, r2, r3, rows, aRow, aDepth, panel, bStride, k, accumulate);
                        break;
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile3<S, V>(
        float* c, nint cStride, nint r1, nint r2, nint r3, float* a, nint aRow, nint aDepth, float* b, nint bStride, int k, bool accumulate)
        where S : struct, ISimd<V>
        where V : struct
    {
        float* a1 = a + (r1 * aRow), a2 = a + (r2 * aRow), a3 = a + (r3 * aRow);
        V s00 = S.Zero, s01 = S.Zero, s02 = S.Zero, s10 = S.Zero, s11 = S.Zero, s12 = S.Zero;
        V s20 = S.Zero, s21 = S.Zero, s22 = S.Zero, s30 = S.Zero, s31 = S.Zero, s32 = S.Zero;
        nint at = 0;
        for (int l = 0; l < k; l++, at += aDepth, b += bStride)
        {
            V b0 = S.Load(b), b1 = S.Load(b + S.Count), b2 = S.Load(b + (2 * S.Count));
            V x = S.Create(a[at]);
            s00 = S.MultiplyAdd(x, b0, s00);
            s01 = S.MultiplyAdd(x, b1, s01);
            s02 = S.MultiplyAdd(x, b2, s02);
            x = S.Create(a1[at]);
            s10 = S.MultiplyAdd(x, b0, s10);
            s11 = S.MultiplyAdd(x, b1, s11);
            s12 = S.MultiplyAdd(x, b2, s12);
            x = S.Create(a2[at]);
            s20 = S.MultiplyAdd(x, b0, s20);
            s21 = S.MultiplyAdd(x, b1, s21);
            s22 = S.MultiplyAdd(x, b2, s22);
            x = S.Create(a3[at]);
            s30 = S.MultiplyAdd(x, b0, s30);
            s31 = S.MultiplyAdd(x, b1, s31);
            s32 = S.MultiplyAdd(x, b2, s32);
        }

        Store<S, V>(c, 0, cStride, r1, r2, r3, s00, s10, s20, s30, accumulate);
        Store<S, V>(c, S.Count, cStride, r1, r2, r3, s01, s11, s21, s31, accumulate);
        Store<S, V>(c, 2 * S.Count, cStride, r1, r2, r3, s02, s12, s22, s32, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile2<S, V>(
        float* c, nint cStride, nint r1, nint r2, nint r3, float* a, nint aRow, nint aDepth, float* b, nint bStride, int k, bool accumulate)
        where S : struct, ISimd<V>
        where V : struct
    {
        float* a1 = a + (r1 * aRow), a2 = a + (r2 * aRow), a3 = a + (r3 * aRow);
        V s00 = S.Zero, s01 = S.Zero, s10 = S.Zero, s11 = S.Zero, s20 = S.Zero, s21 = S.Zero, s30 = S.Zero, s31 = S.Zero;
        nint at = 0;
        for (int l = 0; l < k; l++, at += aDepth, b += bStride)
        {
            V b0 = S.Load(b), b1 = S.Load(b + S.Count);
            V x = S.Create(a[at]);
            s00 = S.MultiplyAdd(x, b0, s00);
            s01 = S.MultiplyAdd(x, b1, s01);
            x = S.Create(a1[at]);
            s10 = S.MultiplyAdd(x, b0, s10);
            s11 = S.MultiplyAdd(x, b1, s11);
            x = S.Create(a2[at]);
            s20 = S.MultiplyAdd(x, b0, s20);
            s21 = S.MultiplyAdd(x, b1, s21);
            x = S.Create(a3[at]);
            s30 = S.MultiplyAdd(x, b0, s30);
            s31 = S.MultiplyAdd(x, b1, s31);
        }

        Store<S, V>(c, 0, cStride, r1, r2, r3, s00, s10, s20, s30, accumulate);
        Store<S, V>(c, S.Count, cStride, r1, r2, r3, s01, s11, s21, s31, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile1<S, V>(
        float* c, nint cStride, nint r1, nint r2, nint r3, float* a, nint aRow, nint aDepth, float* b, nint bStride, int k, bool accumulate)
        where S : struct, ISimd<V>
        where V : struct
    {
        float* a1 = a + (r1 * aRow), a2 = a + (r2 * aRow), a3 = a + (r3 * aRow);
        V s0 = S.Zero, s1 = S.Zero, s2 = S.Zero, s3 = S.Zero;
        nint at = 0;
        for (int l = 0; l < k; l++, at += aDepth, b += bStride)
        {
            V b0 = S.Load(b);
            s0 = S.MultiplyAdd(S.Create(a[at]), b0, s0);
            s1 = S.MultiplyAdd(S.Create(a1[at]), b0, s1);
            s2 = S.MultiplyAdd(S.Create(a2[at]), b0, s2);
            s3 = S.MultiplyAdd(S.Create(a3[at]), b0, s3);
        }

        Store<S, V>(c, 0, cStride, r1, r2, r3, s0, s1, s2, s3, accumulate);
    }

    /// <summary>One column of vectors of a tile; all old values are read before the first is written, since rows may repeat.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<S, V>(float* c, int column, nint cStride, nint r1, nint r2, nint r3, V s0, V s1, V s2, V s3, bool accumulate)
        where S : struct, ISimd<V>
        where V : struct
    {
        float* c0 = c + column, c1 = c0 + (r1 * cStride), c2 = c0 + (r2 * cStride), c3 = c0 + (r3 * cStride);
        if (accumulate)
        {
            s0 = S.Add(S.Load(c0), s0);
            s1 = S.Add(S.Load(c1), s1);
            s2 = S.Add(S.Load(c2), s2);
            s3 = S.Add(S.Load(c3), s3);
        }

        S.Store(c0, s0);
        S.Store(c1, s1);
        S.Store(c2, s2);
        S.Store(c3, s3);
    }
}
