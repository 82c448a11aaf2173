using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Attention;

/// <summary>
/// The small products of one attention head: C[m, n] = A[m, k]·B[k, n] (or +=). B and C are scratch whose rows are padded to whole vectors, so no
/// element needs care at an edge; A is read one element at a time at any two strides, which makes its transpose free.
/// </summary>
internal static unsafe class HeadProduct
{
    /// <summary>Rows of a tile: with two vectors across or more, at least twelve independent sums, enough to hide the latency of a multiply-add.</summary>
    private const int TileRows = 6;

    /// <summary>Rows of the tile for a remainder.</summary>
    private const int FewRows = 2;

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
        int widest = S.Count == 16 ? 4 : 2, across;
        for (int j = 0; j < vectors; j += across)
        {
            int left = vectors - j;
            // Five are three and two: a single vector has too few sums to hide the latency of a multiply-add.
            across = left == widest + 1 && widest > 2 ? widest - 1 : Math.Min(left, widest);
            float* panel = b + (j * S.Count), target = c + (j * S.Count);
            int i = 0;
            while (i < m)
            {
                float* rows = a + (i * aRow), tile = target + (i * cStride);
                if (m - i > FewRows)
                {
                    int last = Math.Min(TileRows, m - i) - 1;
                    if (across == 4) HeadTile6<S, V>.Rows6Vectors4(tile, cStride, last, rows, aRow, aDepth, panel, bStride, k, accumulate);
                    else if (across == 3) HeadTile6<S, V>.Rows6Vectors3(tile, cStride, last, rows, aRow, aDepth, panel, bStride, k, accumulate);
                    else if (across == 2) HeadTile6<S, V>.Rows6Vectors2(tile, cStride, last, rows, aRow, aDepth, panel, bStride, k, accumulate);
                    else HeadTile6<S, V>.Rows6Vectors1(tile, cStride, last, rows, aRow, aDepth, panel, bStride, k, accumulate);
                    i += TileRows;
                }
                else
                {
                    int last = m - i - 1;
                    if (across == 4) HeadTile2<S, V>.Rows2Vectors4(tile, cStride, last, rows, aRow, aDepth, panel, bStride, k, accumulate);
                    else if (across == 3) HeadTile2<S, V>.Rows2Vectors3(tile, cStride, last, rows, aRow, aDepth, panel, bStride, k, accumulate);
                    else if (across == 2) HeadTile2<S, V>.Rows2Vectors2(tile, cStride, last, rows, aRow, aDepth, panel, bStride, k, accumulate);
                    else HeadTile2<S, V>.Rows2Vectors1(tile, cStride, last, rows, aRow, aDepth, panel, bStride, k, accumulate);
                    i += FewRows;
                }
            }
        }
    }
}
