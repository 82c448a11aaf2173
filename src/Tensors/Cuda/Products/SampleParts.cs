using MergeEngine.Tensors.Cuda.Kernels;

namespace MergeEngine.Tensors.Cuda.Products;

/// <summary>
/// How a sum of per-sample products is split over blocks: tiles of the result, and where those are few, parts of the samples too. Parts are whole
/// samples, the last one shorter where they do not come out even; each leaves its total, and a second pass adds them in order. All follows from the
/// shape alone, so that results are the same bits on every card.
/// </summary>
/// <param name="Count">Parts, at least one.</param>
/// <param name="RowsPerPart">Rows of a part.</param>
/// <param name="RowTiles">Tiles over the rows of the result.</param>
/// <param name="ColumnTiles">Tiles over its columns.</param>
/// <param name="RowStride">Elements from one row of a part's total to the next.</param>
/// <param name="Stride">Elements from one part's total to the next; 0 where there is one part, which is added to the result at once.</param>
internal readonly record struct SampleParts(int Count, int RowsPerPart, int RowTiles, int ColumnTiles, long RowStride, long Stride)
{
    /// <summary>Blocks that fill the cards of this generation about twice over.</summary>
    private const int WantedBlocks = 288;

    /// <summary>Totals that are worth their traffic.</summary>
    private const int MaxParts = 8;

    /// <summary>Bytes of all totals.</summary>
    public long Bytes => Count * Stride * sizeof(float);

    /// <summary>Parts of a result of <paramref name="outputs"/> rows and <paramref name="inputs"/> columns.</summary>
    public static SampleParts OfProduct(int rows, int rowsPerSample, int outputs, int inputs)
    {
        int rowTiles = RowLaunch.Divided(outputs, LinearKernels.PerSampleTile), columnTiles = RowLaunch.Divided(inputs, LinearKernels.PerSampleTile);
        int samples = rows / rowsPerSample, wanted = (int)Math.Clamp(WantedBlocks / ((long)rowTiles * columnTiles), 1, MaxParts);
        int each = RowLaunch.Divided(samples, wanted), count = RowLaunch.Divided(samples, each);
        long rowStride = RowLaunch.Divided(inputs, 4) * 4L;
        return new SampleParts(count, each * rowsPerSample, rowTiles, columnTiles, rowStride, count == 1 ? 0 : outputs * rowStride);
    }
}
