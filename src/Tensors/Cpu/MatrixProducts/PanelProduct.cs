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
    /// <param name="part">The panel's columns of C, and the rows.</param>
    /// <param name="block">Of the sums: as much as the panel is long.</param>
    /// <param name="tile">Room for a tile, aligned.</param>
    /// <param name="panels">
    /// The next panel is asked for evenly while the tiles are computed: so memory works all the time, and not in bursts that it cannot serve.
    /// </param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply<P>(
        in ProductArguments product, float* packedA, float* b, in OutputPart part, in SumBlock block, float* tile, in PanelAhead panels = default)
        where P : struct, IPanelFormat
    {
        int width = MicroKernel<S, V>.Columns, height = MicroKernel<S, V>.Rows;
        int row = part.Row, rows = part.Rows, column = part.Column, columns = part.Columns, length = block.Length;
        bool accumulate = !block.IsFirst || product.Beta == 1f;
        // Without anything to do to the sums they go straight to C; the results are the same bits.
        bool direct = columns == width && product.Alpha == 1f && (accumulate || product.Beta == 0f) && !product.DerivativeInEveryBlock
            && !(block.IsLast && !product.Epilogue.IsEmpty);
        bool columnsOfA = packedA != null || product.TransposeA;
        nint aRow = columnsOfA ? 1 : product.StrideA, aStep = packedA != null ? height : product.TransposeA ? product.StrideA : 1;
        nint savedStride = product.Epilogue.PreActivationStride;
        float* saved = block.IsLast || product.DerivativeInEveryBlock ? product.Epilogue.PreActivation : null;
        int rowFloats = P.RowFloats<S, V>(), firstTile = MicroKernel<S, V>.TileRows(rows), unasked = panels.WasAsked && rows > firstTile ? 0 : firstTile;
        for (int done = 0, count; done < rows; done += count)
        {
            // Rows that are packed lie in tiles of the full height.
            count = packedA != null ? Math.Min(height, rows - done) : MicroKernel<S, V>.TileRows(rows - done);
            float* ahead = b + PanelRows.Ahead * rowFloats;
            nint aheadStep = rowFloats;
            if (panels.Offset != 0 && done >= unasked)
            {
                int share = rows - unasked;
                ahead = b + panels.Offset + (nint)(done - unasked) * length / share * rowFloats;
                aheadStep = (rowFloats * count + share - 1) / share;
            }
            float* c = product.C + (row + done) * product.StrideC + column;
            float* a = packedA != null ? packedA + (nint)done * length : product.AddressA(row + done, block.Start);
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
                TileFinish<S, V>.Apply(product, tile, part.SliceRows(done, count), block);
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
