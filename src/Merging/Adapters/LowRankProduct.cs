using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MergeEngine.Merging.Adapters;

/// <summary>
/// Rows of W + s·L·R for a short inner dimension. R lies in panels of <see cref="PanelWidth"/> columns, one step of k behind the other, so that a panel stays in the cache for
/// all rows. Sums run in the order of k whatever the processor.
/// </summary>
internal static unsafe class LowRankProduct
{
    public const int PanelWidth = 64;

    private const int Width = 16;

    /// <summary>Panels of a row.</summary>
    public static long Panels(long rowLength) => (rowLength + PanelWidth - 1) / PanelWidth;

    /// <summary>Where R[k, j] stands.</summary>
    public static int Place(int k, long j, int rank) => checked((int)((j / PanelWidth * rank * PanelWidth) + ((long)k * PanelWidth) + (j % PanelWidth)));

    /// <summary>values ← values + scale·L·R.</summary>
    /// <param name="values">A stretch of W, which may begin and end within a row.</param>
    /// <param name="start">Index of its first element, counted from the first row of <paramref name="left"/>.</param>
    /// <param name="rowLength">Elements of a row of W.</param>
    /// <param name="left">Rows of L, each of <paramref name="rank"/> elements.</param>
    /// <param name="panels">R.</param>
    /// <param name="rank">The inner dimension.</param>
    /// <param name="scale">The factor.</param>
    public static void Add(Span<float> values, long start, long rowLength, ReadOnlySpan<float> left, float* panels, int rank, float scale)
    {
        float* sums = stackalloc float[PanelWidth];
        long end = start + values.Length, lastRow = (end - 1) / rowLength;
        fixed (float* w = values, l = left)
        {
            for (long panel = 0; panel < Panels(rowLength); panel++)
            {
                float* p = panels + (panel * rank * PanelWidth);
                for (long row = start / rowLength; row <= lastRow; row++)
                {
                    // The panel's columns of this row that are in the stretch.
                    long origin = row * rowLength, from = Math.Max(start, origin + (panel * PanelWidth)), to = Math.Min(end, origin + Math.Min(rowLength, (panel + 1) * PanelWidth));
                    if (from >= to) continue;
                    Sum(l + (row * rank), p, rank, sums);
                    AddScaled(w + (from - start), sums + (from - origin - (panel * PanelWidth)), scale, (int)(to - from));
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sum(float* left, float* panel, int rank, float* sums)
    {
        Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default;
        for (int k = 0; k < rank; k++, panel += PanelWidth)
        {
            Vector512<float> factor = Vector512.Create(left[k]);
            s0 = Vector512.FusedMultiplyAdd(factor, Vector512.Load(panel), s0);
            s1 = Vector512.FusedMultiplyAdd(factor, Vector512.Load(panel + Width), s1);
            s2 = Vector512.FusedMultiplyAdd(factor, Vector512.Load(panel + (2 * Width)), s2);
            s3 = Vector512.FusedMultiplyAdd(factor, Vector512.Load(panel + (3 * Width)), s3);
        }

        s0.Store(sums);
        s1.Store(sums + Width);
        s2.Store(sums + (2 * Width));
        s3.Store(sums + (3 * Width));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddScaled(float* values, float* sums, float scale, int count)
    {
        Vector512<float> factor = Vector512.Create(scale);
        int j = 0;
        for (; j <= count - Width; j += Width) Vector512.FusedMultiplyAdd(factor, Vector512.Load(sums + j), Vector512.Load(values + j)).Store(values + j);
        for (; j < count; j++) values[j] = MathF.FusedMultiplyAdd(scale, sums[j], values[j]);
    }
}
