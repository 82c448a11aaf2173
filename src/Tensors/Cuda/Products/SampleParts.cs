namespace MergeEngine.Tensors.Cuda.Products;

/// <summary>
/// How the rows of a sum are split over blocks of a kernel: <see cref="Count"/> parts of whole samples, the last one shorter where they do not
/// come out even. It follows from the shape alone, so that results are the same bits on every card.
/// </summary>
internal readonly record struct SampleParts(int Count, int RowsPerPart)
{
    /// <summary>Blocks that fill the cards of this generation about twice over.</summary>
    private const int WantedBlocks = 288;

    /// <summary>Partial results of a product that are worth their traffic.</summary>
    private const int MaxParts = 8;

    /// <summary>Parts of a product with <paramref name="tiles"/> tiles.</summary>
    public static SampleParts OfProduct(int rows, int rowsPerSample, long tiles)
    {
        int samples = rows / rowsPerSample, wanted = (int)Math.Clamp(WantedBlocks / tiles, 1, MaxParts);
        int each = (samples + wanted - 1) / wanted;
        return new SampleParts((samples + each - 1) / each, each * rowsPerSample);
    }
}
