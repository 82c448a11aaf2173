using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Cuda.Kernels;

/// <summary>The kernels of <c>native/kernels/running_sums.cuh</c>.</summary>
internal static class RunningSumKernels
{
    /// <summary>Vectors on each side of a tile of products, or beside the last one.</summary>
    public const int ProductTile = 4;

    public static readonly Kernel<RunningSumArguments> AccumulateProducts = new("accumulate_products", 32);
    public static readonly Kernel<RunningSumArguments> AccumulateProductsWithLast = new("accumulate_products_with_last", 32);
    public static readonly Kernel<RunningSumArguments> AccumulateTerms = new("accumulate_terms", 32);
    public static readonly Kernel<PushSumArguments> PushSums = new("push_sums", 64);
}

[StructLayout(LayoutKind.Sequential)]
internal struct RunningSumArguments
{
    public SignArguments.VectorAddresses Vectors;
    public nint State;
    public nint Open;
    public nint Blocks;
    public long Covered;
    public long First;
    public int Before;
    public int Count;
    public int Sums;
    public int Magnitudes;
}

[StructLayout(LayoutKind.Sequential)]
internal struct PushSumArguments
{
    public nint State;
    public nint Open;
    public nint Blocks;
    public long Block;
    public long Covered;
    public int Sums;
    public int Padding;
}
