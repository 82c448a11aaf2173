using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.MatrixProducts;

/// <summary>Copies parts of a matrix into the order in which the micro-kernel reads them.</summary>
internal static unsafe class Panels<S, V>
    where S : struct, ISimd<V>
    where V : struct
{
    /// <summary>Rows far apart in memory are asked for this many rows ahead; the processor's own prefetcher does not follow them.</summary>
    private const int PrefetchRows = 8;

    /// <summary>
    /// Packs op(B)[0 … k-1, 0 … columns-1] into k rows of 2 vectors, padded with zeros on the right. <paramref name="b"/> points at the part's first
    /// element: row-major k × columns, or columns × k when <paramref name="transposed"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackB(bool transposed, float* b, nint stride, int k, int columns, float* panel)
    {
        int width = 2 * S.Count;
        if (!transposed)
        {
            int low = Math.Min(columns, S.Count), high = columns - low;
            if (columns == width)
            {
                for (int p = 0; p < k; p++, b += stride, panel += width)
                {
                    S.Prefetch(b + PrefetchRows * stride);
                    S.Prefetch(b + PrefetchRows * stride + S.Count);
                    S.Store(panel, S.Load(b));
                    S.Store(panel + S.Count, S.Load(b + S.Count));
                }
            }
            else
            {
                for (int p = 0; p < k; p++, b += stride, panel += width)
                {
                    S.Store(panel, S.LoadPartial(b, low));
                    S.Store(panel + S.Count, S.LoadPartial(b + low, high));
                }
            }
            return;
        }

        if (k < S.Count)
        {
            for (int p = 0; p < k; p++)
                for (int column = 0; column < width; column++)
                    panel[p * width + column] = column < columns ? b[column * stride + p] : 0f;
            return;
        }
        for (int half = 0; half < width; half += S.Count)
        {
            int rows = Math.Clamp(columns - half, 0, S.Count);
            for (int p = 0; p < k; p += S.Count)
            {
                // The last block may lie over the one before it: it writes the same values there.
                int at = Math.Min(p, k - S.Count);
                float* target = panel + (nint)at * width + half;
                if (rows == S.Count)
                    S.Transpose(b + half * stride + at, stride, target, width);
                else
                    TransposeRows(b + half * stride + at, stride, rows, target, width);
            }
        }
    }

    /// <summary>Transposes fewer than Count rows; the others count as 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TransposeRows(float* source, nint stride, int rows, float* target, nint targetStride)
    {
        float* block = stackalloc float[S.Count * S.Count];
        for (int row = 0; row < S.Count; row++)
            S.Store(block + row * S.Count, row < rows ? S.Load(source + row * stride) : S.Zero);
        S.Transpose(block, S.Count, target, targetStride);
    }

    /// <summary>
    /// Packs columns of a row-major matrix A (k rows of <paramref name="count"/> values, used transposed) into tiles of <see cref="MicroKernel{S, V}.Rows"/>
    /// values: tile t holds for each row p the values t·Rows … t·Rows + Rows-1 side by side, in all k·Rows floats.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackTransposedA(float* a, nint stride, int k, int count, float* tiles)
    {
        int height = MicroKernel<S, V>.Rows;
        int full = count / height;
        nint tileSize = (nint)k * height;
        for (int p = 0; p < k; p++, a += stride)
        {
            float* target = tiles + (nint)p * height;
            for (int tile = 0; tile < full; tile++, target += tileSize)
            {
                float* source = a + tile * height;
                S.Prefetch(source + PrefetchRows * stride);
                if (S.Count < height)
                {
                    S.Store(target, S.Load(source));
                    S.Store(target + height - S.Count, S.Load(source + height - S.Count));
                    continue;
                }
                // A whole vector reaches into the tile's next row, which is written after this one; the last row has none.
                V values = count - tile * height >= S.Count ? S.Load(source) : S.LoadPartial(source, height);
                if (p < k - 1)
                    S.Store(target, values);
                else
                    S.StorePartial(target, values, height);
            }
            for (int i = full * height; i < count; i++)
                target[i - full * height] = a[i];
        }
    }
}
