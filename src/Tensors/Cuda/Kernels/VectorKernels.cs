using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Cuda.Kernels;

/// <summary>The kernels of <c>native/kernels/vector.cuh</c>, <c>weighted_sum.cuh</c>, <c>stored.cuh</c>, <c>copy_stored.cuh</c> and <c>write_table.cuh</c>.</summary>
internal static class VectorKernels
{
    /// <summary>Elements of a block of the passes over one or two vectors.</summary>
    public const int VectorBlock = 4096;

    /// <summary>Elements of a block of a weighted sum.</summary>
    public const int WeightedSumBlock = 2048;

    /// <summary>Elements of a block of a pass over stored vectors.</summary>
    public const int StoredBlock = 4096;

    /// <summary>Elements of a block of <see cref="CopyStored16"/>.</summary>
    public const int CopyStoredBlock = 8192;

    /// <summary>Longest list of vectors that travels in a kernel's arguments.</summary>
    public const int InlineList = 64;

    /// <summary>Words that one launch writes to a table.</summary>
    public const int TableWords = 448;

    public static readonly Kernel<VectorArguments> Fill = new("fill_vector", SpanPhase.Threads);
    public static readonly Kernel<VectorArguments> Copy = new("copy_vector", SpanPhase.Threads);
    public static readonly Kernel<VectorArguments> Subtract = new("subtract_vectors", SpanPhase.Threads);
    public static readonly Kernel<VectorArguments> Scale = new("scale_vector", SpanPhase.Threads);
    public static readonly Kernel<VectorArguments> AddAbsolute = new("add_absolute", SpanPhase.Threads);
    public static readonly Kernel<VectorArguments> ApplyMask = new("apply_mask", SpanPhase.Threads);
    public static readonly Kernel<VectorArguments> NearSwap = new("near_swap", SpanPhase.Threads);

    public static readonly Kernel<WeightedSumArguments> WeightedSum = new("weighted_sum", SpanPhase.Threads);
    public static readonly Kernel<WeightedSumArguments> WeightedSumOfMany = new("weighted_sum_of_many", SpanPhase.Threads);

    public static readonly Kernel<StoredSumArguments> StoredSumTo16 = new("stored_sum_to_16", SpanPhase.Threads);
    public static readonly Kernel<StoredSumArguments> StoredSumTo16OfMany = new("stored_sum_to_16_of_many", SpanPhase.Threads);
    public static readonly Kernel<StoredSumArguments> StoredSumTo32 = new("stored_sum_to_32", SpanPhase.Threads);
    public static readonly Kernel<StoredSumArguments> StoredSumTo32OfMany = new("stored_sum_to_32_of_many", SpanPhase.Threads);
    public static readonly Kernel<CopyStoredArguments> CopyStored16 = new("copy_stored_16", SpanPhase.Threads);

    public static readonly Kernel<WriteTableArguments> WriteTable = new("write_table", 128);
}

[StructLayout(LayoutKind.Sequential)]
internal struct VectorArguments
{
    public nint Output;
    public nint A;
    public nint B;
    public nint Mask;
    public long Length;
    public float Value;
    public int Head;
}

[StructLayout(LayoutKind.Sequential)]
internal struct WeightedInput
{
    public nint Values;
    public float Weight;
    public int Unused;
}

[InlineArray(VectorKernels.InlineList)]
internal struct WeightedInputs
{
    private WeightedInput _first;
}

[StructLayout(LayoutKind.Sequential)]
internal struct WeightedSumArguments
{
    public nint Output;
    public nint Origin;
    public nint Mask;
    public nint Table;
    public long Length;
    public int Count;
    public int Head;
    public WeightedInputs Inputs;
}

[StructLayout(LayoutKind.Sequential)]
internal struct StoredInput
{
    public nint Values;
    public float Weight;
    public int DType;
}

[InlineArray(VectorKernels.InlineList)]
internal struct StoredInputs
{
    private StoredInput _first;
}

[StructLayout(LayoutKind.Sequential)]
internal struct StoredSumArguments
{
    public nint Output;
    public nint Origin;
    public nint Mask;
    public nint Table;
    public long Length;
    public int Count;
    public int Head;
    public int OutputDType;
    public int OriginDType;
    public StoredInputs Inputs;
}

[StructLayout(LayoutKind.Sequential)]
internal struct CopyStoredArguments
{
    public nint Output;
    public nint Input;
    public long Length;
    public int Head;
    public int Unused;
}

[InlineArray(VectorKernels.TableWords)]
internal struct TableWords
{
    private ulong _first;
}

[StructLayout(LayoutKind.Sequential)]
internal struct WriteTableArguments
{
    public nint Target;
    public long Count;
    public TableWords Words;
}
