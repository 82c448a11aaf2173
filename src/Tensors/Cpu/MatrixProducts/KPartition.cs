namespace MergeEngine.Tensors.Cpu.MatrixProducts;

/// <summary>
/// How the summation index is cut into blocks. The cut depends on k alone, so the order of summation of an element does too.
/// </summary>
internal readonly struct KPartition
{
    /// <summary>Longest block of a plain product: a panel of B of this length (64 KiB with AVX-512) stays in the second-level cache.</summary>
    public const int MaxLength = 512;

    public readonly int Total;
    public readonly int Length;
    public readonly int Count;

    private KPartition(int total, int length)
    {
        Total = total;
        Length = length;
        Count = total == 0 ? 1 : (total + length - 1) / length;
    }

    /// <summary>Blocks of about equal length, none longer than <see cref="MaxLength"/>; one empty block for k = 0.</summary>
    public static KPartition ForProduct(int k)
    {
        int blocks = Math.Max(1, (k + MaxLength - 1) / MaxLength);
        int length = (k + blocks - 1) / blocks;
        return new KPartition(k, Math.Max(1, (length + 15) & ~15));
    }

    /// <summary>One block for each sample of <paramref name="rowsPerSample"/> rows.</summary>
    public static KPartition ForSamples(int samples, int rowsPerSample) => new(samples * rowsPerSample, rowsPerSample);

    public int Start(int block) => block * Length;

    /// <summary>All that a product needs to know of a block.</summary>
    public SumBlock Block(int block) => new(Start(block), LengthOf(block), block == 0, block == Count - 1);

    public int LengthOf(int block) => Math.Min(Length, Total - block * Length);
}
