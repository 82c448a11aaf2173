using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.MatrixProducts;

/// <summary>One packed panel of B times some rows of A, tile by tile, into C.</summary>
internal static unsafe class PanelProduct<S, V>
    where S : struct, ISimd<V>
    where V : struct
{
    /// <summary>Floats to reserve for a tile that has to be aligned.</summary>
    public static int TileFloats => MicroKernel<S, V>.Rows * MicroKernel<S, V>.Columns + 16;

    /// <summary>The first cache line's start in a tile's memory.</summary>
    public static float* Align(float* tile) => (float*)(((nint)tile + 63) & ~63);

    /// <param name="product">The whole product.</param>
    /// <param name="packedA">The rows of op(A) packed, or null to read them in place.</param>
    /// <param name="b">The panel, as the format P has it.</param>
    /// <param name="start">First index of the sum in this block.</param>
    /// <param name="length">Length of the block.</param>
    /// <param name="row">First row of C.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="column">First column of C.</param>
    /// <param name="columns">Columns of C in the panel.</param>
    /// <param name="tile">Room for a tile, aligned.</param>
    /// <param name="first">This is the first block of the sum.</param>
    /// <param name="last">This is the last block of the sum.</param>
    /// <param name="next">
    /// Where the panel begins that comes after this one, in floats from <paramref name="b"/>; 0: nowhere. It is asked for evenly while the tiles are computed: so memory
    /// works all the time, and not in bursts that it cannot serve.
    /// </param>
    /// <param name="wasNext">This panel was the next one of the call before: its first tile need not look ahead in it.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply<P>(
        in ProductArguments product, float* packedA, float* b, int start, int length,
        int row, int rows, int column, int columns, float* tile, bool first, bool last, nint next = 0, bool wasNext = false)
        where P : struct, IPanelFormat
    {
        int width = MicroKernel<S, V>.Columns, height = MicroKernel<S, V>.Rows;
        bool accumulate = !first || product.Beta == 1f;
        // Without anything to do to the sums they go straight to C; the results are the same bits.
        bool direct = columns == width && product.Alpha == 1f && (accumulate || product.Beta == 0f) && !product.DerivativeInEveryBlock
            && !(last && !product.Epilogue.IsEmpty);
        bool columnsOfA = packedA != null || product.TransposeA;
        nint aRow = columnsOfA ? 1 : product.StrideA, aStep = packedA != null ? height : product.TransposeA ? product.StrideA : 1;
        nint savedStride = product.Epilogue.PreActivationStride;
        float* saved = last || product.DerivativeInEveryBlock ? product.Epilogue.PreActivation : null;
        int rowFloats = P.RowFloats<S, V>(), firstTile = MicroKernel<S, V>.TileRows(rows), unasked = wasNext && rows > firstTile ? 0 : firstTile;
        for (int done = 0, count; done < rows; done += count)
        {
            // Rows that are packed lie in tiles of the full height.
            count = packedA != null ? Math.Min(height, rows - done) : MicroKernel<S, V>.TileRows(rows - done);
            float* ahead = b + PanelRows.Ahead * rowFloats;
            nint aheadStep = rowFloats;
            if (next != 0 && done >= unasked)
            {
                int share = rows - unasked;
                ahead = b + next + (nint)(done - unasked) * length / share * rowFloats;
                aheadStep = (rowFloats * count + share - 1) / share;
            }
            float* c = product.C + (row + done) * product.StrideC + column;
            float* a = packedA != null ? packedA + (nint)done * length : product.AddressA(row + done, start);
            for (int r = 0; r < count; r++)
            {
                S.Prefetch(c + r * product.StrideC);
                S.Prefetch(c + r * product.StrideC + columns - 1);
            }
            if (saved != null)
            {
                float* z = saved + (row + done) * savedStride + column;
                for (int r = 0; r < count; r++)
                {
                    S.Prefetch(z + r * savedStride);
                    S.Prefetch(z + r * savedStride + columns - 1);
                }
            }
            if (!direct)
            {
                MicroKernel<S, V>.Multiply<SetTile, P>(count, length, a, aRow, aStep, b, rowFloats, ahead, aheadStep, tile, width);
                TileFinish<S, V>.Apply(product, tile, row + done, column, count, columns, first, last);
            }
            else if (accumulate)
            {
                MicroKernel<S, V>.Multiply<AddTile, P>(count, length, a, aRow, aStep, b, rowFloats, ahead, aheadStep, c, product.StrideC);
            }
            else
            {
                MicroKernel<S, V>.Multiply<SetTile, P>(count, length, a, aRow, aStep, b, rowFloats, ahead, aheadStep, c, product.StrideC);
            }
        }
    }
}
