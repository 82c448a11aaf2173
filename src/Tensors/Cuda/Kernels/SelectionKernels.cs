using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Cuda.Kernels;

/// <summary>The kernels of <c>native/kernels/selection.cuh</c>, <c>election.cuh</c>, <c>cross_magnitude.cuh</c> and <c>random_mask.cuh</c>.</summary>
internal static class SelectionKernels
{
    /// <summary>Elements of a block of a mask.</summary>
    public const int MaskBlock = 4096;

    /// <summary>Elements of a block of <see cref="DisjointMean"/> and <see cref="CrossMagnitude"/>.</summary>
    public const int MeanBlock = 1024;

    /// <summary>Elements of a block of <see cref="SignBalance"/>.</summary>
    public const int BalanceBlock = 2048;

    /// <summary>Dynamic shared memory of one vector's magnitudes in a block of <see cref="CrossMagnitude"/>.</summary>
    public const int StagedBytes = 4 * MeanBlock;

    public static readonly Kernel<SelectionMaskArguments<float>> KeepMask = new("keep_mask", SpanPhase.Threads);
    public static readonly Kernel<SelectionMaskArguments<double>> DropMask = new("drop_mask", SpanPhase.Threads);
    public static readonly Kernel<RandomMaskArguments> RandomMask = new("random_mask", SpanPhase.Threads);
    public static readonly Kernel<ElectionArguments> DisjointMean = new("disjoint_mean", SpanPhase.Threads);
    public static readonly Kernel<ElectionArguments> DisjointMeanOfMany = new("disjoint_mean_of_many", SpanPhase.Threads);
    public static readonly Kernel<ElectionArguments> SignBalance = new("sign_balance", SpanPhase.Threads);
    public static readonly Kernel<ElectionArguments> SignBalanceOfMany = new("sign_balance_of_many", SpanPhase.Threads);
    public static readonly Kernel<SumPartialsArguments> SumPartials = new("sum_partials", SpanPhase.Threads);
    public static readonly Kernel<CrossMagnitudeArguments> CrossMagnitude = new("cross_magnitude", SpanPhase.Threads);
    public static readonly Kernel<CrossMagnitudeArguments> CrossMagnitudeOfMany = new("cross_magnitude_of_many", SpanPhase.Threads);
}

/// <typeparam name="T">Of the keys: float for <see cref="SelectionKernels.KeepMask"/>, double for <see cref="SelectionKernels.DropMask"/>.</typeparam>
[StructLayout(LayoutKind.Sequential)]
internal struct SelectionMaskArguments<T>
    where T : unmanaged
{
    public nint Mask;
    public nint Keys;
    public long Length;
    public long Boundary;
    public T Below;
    public T From;
    public int Head;
    public int Unused;
}

[StructLayout(LayoutKind.Sequential)]
internal struct RandomMaskArguments
{
    public nint Mask;
    public long Length;
    public ulong First;
    public ulong Key;
    public uint Last;
    public int None;
    public int Head;
    public int Unused;
}

[StructLayout(LayoutKind.Sequential)]
internal struct TrimmedInput
{
    public nint Values;
    public long Boundary;
    public float Below;
    public float From;
}

[InlineArray(VectorKernels.InlineList)]
internal struct TrimmedInputs
{
    private TrimmedInput _first;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ElectionArguments
{
    public nint Output;
    public nint Partials;
    public nint Table;
    public long Length;
    public int Count;
    public int Undecided;
    public int Head;
    public int Unused;
    public TrimmedInputs Inputs;
}

[StructLayout(LayoutKind.Sequential)]
internal struct SumPartialsArguments
{
    public nint Result;
    public nint Partials;
    public long Count;
}

[StructLayout(LayoutKind.Sequential)]
internal struct CrossInput
{
    public nint Vector;
    public nint Magnitude;
}

[InlineArray(VectorKernels.InlineList)]
internal struct CrossInputs
{
    private CrossInput _first;
}

[StructLayout(LayoutKind.Sequential)]
internal struct CrossMagnitudeArguments
{
    public nint Keys;
    public nint Table;
    public long Length;
    public int Count;
    public int Staged;
    public int Own;
    public int Head;
    public CrossInputs Inputs;
}
