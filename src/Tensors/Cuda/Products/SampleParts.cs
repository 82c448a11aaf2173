namespace MergeEngine.Tensors.Cuda.Products;

/// <summary>
/// How the rows of a sum are split over blocks of a kernel: <see cref="Count"/> parts of whole samples, the last one shorter where they do not
/// come out even. It follows from the shape alone, so that results are the same bits on every card.
/// </summary>
internal readonly record struct SampleParts(int Count, int RowsPerPart, int RowsPerSample)
{
    /// <summary>Blocks that fill the cards of this generation about twice over.</summary>
    private const int WantedBlocks = 288;

    /// <summary>Partial results of a product that are worth their traffic.</summary>
    private const int MaxProductParts = 8;

    private const int MaxColumnParts = 64;

    /// <summary>Rows of a part that keep a block of the column sums busy.</summary>
    private const int MinColumnRows = 128;

    /// <summary>Parts of a product with <paramref name="tiles"/> tiles.</summary>
    public static SampleParts OfProduct(int rows, int rowsPerSample, long tiles) =>
        Split(rows, rowsPerSample, (int)Math.Clamp(WantedBlocks / tiles, 1, MaxProductParts), 1);

    /// <summary>Parts of sums of columns.</summary>
    public static SampleParts OfColumns(int rows, int rowsPerSample) => Split(rows, rowsPerSample, MaxColumnParts, MinColumnRows);

    private static SampleParts Split(int rows, int rowsPerSample, int wanted, int minRows)
    {
        int samples = rows / rowsPerSample;
        int each = Math.Max((samples + wanted - 1) / wanted, (minRows + rowsPerSample - 1) / rowsPerSample);
        return new SampleParts((samples + each - 1) / each, checked(Math.Min(each, samples) * rowsPerSample), rowsPerSample);
    }
}
