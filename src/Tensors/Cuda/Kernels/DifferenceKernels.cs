using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Cuda.Kernels;

/// <summary>The kernels of <c>native/kernels/differences.cuh</c> and <c>ranked_mask.cuh</c>.</summary>
internal static class DifferenceKernels
{
    /// <summary>Elements of a block of <see cref="MergeDifferences"/> and <see cref="Variance"/>.</summary>
    public const int Block = 1024;

    /// <summary>Elements of a row in a block of <see cref="RankedMask"/>.</summary>
    public const int RankBlock = 256;

    public static readonly Kernel<MergeDifferencesArguments> MergeDifferences = new("merge_differences", SpanPhase.Threads);
    public static readonly Kernel<VarianceArguments> Variance = new("variance", SpanPhase.Threads);
    public static readonly Kernel<RankedMaskArguments> RankedMask = new("ranked_mask", RankBlock);
}

[StructLayout(LayoutKind.Sequential)]
internal struct DifferenceInput
{
    public nint Values;
    public nint Mask;
    public long KeptBoundary;
    public long DroppedBoundary;
    public float KeptBelow;
    public float KeptFrom;
    public float DroppedBelow;
    public float DroppedFrom;
    public double Factor;
    public double Weight;
    public double Vote;
}

[StructLayout(LayoutKind.Sequential)]
internal struct MergeDifferencesArguments
{
    public nint Output;
    public nint Origin;
    public nint Table;
    public long Length;
    public double Scale;
    public int Count;
    public int Rule;
    public int Head;
    public int Unused;
}

[StructLayout(LayoutKind.Sequential)]
internal struct VarianceArguments
{
    public nint Output;
    public nint Table;
    public long Length;
    public int Count;
    public int Head;
}

[StructLayout(LayoutKind.Sequential)]
internal struct RankedMaskArguments
{
    public nint Mask;
    public nint Values;
    public ulong FirstIndex;
    public ulong Key;
    public double First;
    public double Step;
    public int Columns;
    public int RowBlocks;
}
