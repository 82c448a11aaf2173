namespace MergeEngine.Tensors.Cuda.Products;

/// <summary>Lays the pieces of one operation's working memory side by side, each at a multiple of 256 bytes.</summary>
internal struct ScratchLayout
{
    private const long Alignment = 256;

    /// <summary>Bytes of all pieces.</summary>
    public long Bytes { get; private set; }

    /// <summary>Where the next piece begins.</summary>
    public long Take(long bytes)
    {
        long offset = Bytes;
        Bytes += (bytes + Alignment - 1) & -Alignment;
        return offset;
    }
}
