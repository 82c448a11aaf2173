namespace MergeEngine.Tensors.Cpu.MatrixProducts;

/// <summary>A block of the summation index.</summary>
/// <param name="Start">Its first index.</param>
/// <param name="Length">How many there are.</param>
/// <param name="IsFirst">Whether no block comes before: C holds the old values, which beta weighs.</param>
/// <param name="IsLast">Whether none comes after: the epilogue follows.</param>
internal readonly record struct SumBlock(int Start, int Length, bool IsFirst, bool IsLast)
{
    /// <summary>All of a sum at one time.</summary>
    public static SumBlock Whole(int k) => new(0, k, IsFirst: true, IsLast: true);
}
