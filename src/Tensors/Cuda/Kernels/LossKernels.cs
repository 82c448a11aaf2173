using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Cuda.Kernels;

/// <summary>Losses over rows of logits: <c>native/kernels/cross_entropy.cuh</c>, <c>entropy.cuh</c>, <c>arg_max.cuh</c>.</summary>
internal static class LossKernels
{
    /// <summary>Rows of a block, a warp each.</summary>
    public const int Warps = 4;

    public static readonly Kernel<CrossEntropyArguments> CrossEntropy = new("cross_entropy", 32 * Warps);
    public static readonly Kernel<EntropyArguments> Entropy = new("entropy", 32 * Warps);
    public static readonly Kernel<ArgMaxArguments> ArgMax = new("arg_max", 32 * Warps);
}

[StructLayout(LayoutKind.Sequential)]
internal struct CrossEntropyArguments
{
    public nint Losses;
    public RowsArgument Gradient;
    public RowsArgument Logits;
    public nint Labels;
    public int Rows;
    public int Classes;
    public float GradientScale;
    public int Unused;
}

[StructLayout(LayoutKind.Sequential)]
internal struct EntropyArguments
{
    public nint Entropies;
    public RowsArgument Gradient;
    public RowsArgument Logits;
    public int Rows;
    public int Classes;
    public float GradientScale;
    public int Unused;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ArgMaxArguments
{
    public nint Best;
    public RowsArgument Logits;
    public int Rows;
    public int Classes;
}
