using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MergeEngine.Tensors.LinearAlgebra;

/// <summary>Rows of float64 numbers to columns, eight by eight in registers where the processor can.</summary>
internal static unsafe class DoubleTranspose
{
    private const int Side = 8;

    /// <summary>target[j][i] ← source[i][j].</summary>
    /// <param name="source">[rows, columns].</param>
    /// <param name="stride">From one row of it to the next.</param>
    /// <param name="rows">i.</param>
    /// <param name="columns">j.</param>
    /// <param name="target">[columns, rows].</param>
    /// <param name="targetStride">From one row of it to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Copy(double* source, long stride, int rows, int columns, double* target, long targetStride)
    {
        int i = 0;
        for (; Avx512F.IsSupported && i <= rows - Side; i += Side)
        {
            double* from = source + (i * stride), to = target + i;
            int j = 0;
            for (; j <= columns - Side; j += Side) Eight(from + j, stride, to + (j * targetStride), targetStride);
            for (; j < columns; j++)
            {
                for (int r = 0; r < Side; r++) to[(j * targetStride) + r] = from[(r * stride) + j];
            }
        }

        for (; i < rows; i++)
        {
            double* from = source + (i * stride), to = target + i;
            for (int j = 0; j < columns; j++) to[j * targetStride] = from[j];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Eight(double* source, long stride, double* target, long targetStride)
    {
        Vector512<double> a = Vector512.Load(source), b = Vector512.Load(source + stride), c = Vector512.Load(source + (2 * stride)), d = Vector512.Load(source + (3 * stride));
        double* below = source + (4 * stride);
        Vector512<double> e = Vector512.Load(below), f = Vector512.Load(below + stride), g = Vector512.Load(below + (2 * stride)), h = Vector512.Load(below + (3 * stride));

        // Pairs of rows: even columns in one, odd ones in the other, a pair in each 128 bits.
        Vector512<double> ab0 = Avx512F.UnpackLow(a, b), ab1 = Avx512F.UnpackHigh(a, b), cd0 = Avx512F.UnpackLow(c, d), cd1 = Avx512F.UnpackHigh(c, d);
        Vector512<double> ef0 = Avx512F.UnpackLow(e, f), ef1 = Avx512F.UnpackHigh(e, f), gh0 = Avx512F.UnpackLow(g, h), gh1 = Avx512F.UnpackHigh(g, h);

        // Columns 0 and 4, 2 and 6 (and the odd ones beside them) of four rows, then of all eight.
        const byte even = 0b10_00_10_00, odd = 0b11_01_11_01;
        Store(Avx512F.Shuffle4x128(ab0, cd0, even), Avx512F.Shuffle4x128(ef0, gh0, even), target, 4 * targetStride);
        Store(Avx512F.Shuffle4x128(ab1, cd1, even), Avx512F.Shuffle4x128(ef1, gh1, even), target + targetStride, 4 * targetStride);
        Store(Avx512F.Shuffle4x128(ab0, cd0, odd), Avx512F.Shuffle4x128(ef0, gh0, odd), target + (2 * targetStride), 4 * targetStride);
        Store(Avx512F.Shuffle4x128(ab1, cd1, odd), Avx512F.Shuffle4x128(ef1, gh1, odd), target + (3 * targetStride), 4 * targetStride);
    }

    /// <summary>Two columns, each in alternate 128 bits of the upper and the lower rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector512<double> upper, Vector512<double> lower, double* first, long next)
    {
        const byte even = 0b10_00_10_00, odd = 0b11_01_11_01;
        Avx512F.Shuffle4x128(upper, lower, even).Store(first);
        Avx512F.Shuffle4x128(upper, lower, odd).Store(first + next);
    }
}
