namespace MergeEngine.Tensors.Cuda.Memory;

/// <summary>Lays the pieces of one operation's working memory side by side, each at a multiple of 256 bytes.</summary>
internal struct ScratchLayout
{
    /// <summary>Bytes that every piece begins at a multiple of.</summary>
    public const int Alignment = 256;

    /// <summary>Bytes of all pieces.</summary>
    public long Bytes { get; private set; }

    /// <summary>Where the next piece begins.</summary>
    public long Take(long bytes)
    {
        long offset = Bytes;
        Bytes += Aligned(bytes);
        return offset;
    }

    /// <summary>Bytes up to where the next piece may begin.</summary>
    public static long Aligned(long bytes) => (bytes + Alignment - 1) & -(long)Alignment;
}
