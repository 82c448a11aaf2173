using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Cuda.Kernels;

/// <summary>The kernels of <c>native/kernels/groups.cuh</c> and <c>row_divergence.cuh</c>.</summary>
internal static class GroupKernels
{
    /// <summary>Elements of a block of a combination.</summary>
    public const int CombineBlock = 1024;

    public const int ColumnThreads = 128;

    /// <summary>Rows of a block of divergences.</summary>
    public const int DivergenceRows = 4;

    public static readonly Kernel<CombineArguments> Combine = new("combine_groups", 256);
    public static readonly Kernel<CombineArguments> CombineOfMany = new("combine_groups_of_many", 256);
    public static readonly Kernel<GroupProductArguments> RowProducts = new("row_products", 32);
    public static readonly Kernel<GroupProductArguments> ColumnProducts = new("column_products", ColumnThreads);
    public static readonly Kernel<RowDivergenceArguments> RowDivergence = new("row_divergence", 32 * DivergenceRows);
}

[InlineArray(VectorKernels.InlineList)]
internal struct CombinedInputs
{
    private nint _first;
}

[StructLayout(LayoutKind.Sequential)]
internal struct CombineArguments
{
    public nint Output;
    public nint Coefficients;
    public nint Table;
    public long Length;
    public long Groups;
    public long Run;
    public int Count;
    public int Unused;
    public CombinedInputs Inputs;
}

[StructLayout(LayoutKind.Sequential)]
internal struct GroupProductArguments
{
    public SignArguments.VectorAddresses Vectors;
    public nint Products;
    public long Rows;
    public long Columns;
    public int Count;
    public int Begins;
}

[StructLayout(LayoutKind.Sequential)]
internal struct RowDivergenceArguments
{
    public nint Divergences;
    public nint Values;
    public nint Origin;
    public long Rows;
    public long Columns;
    public double Floor;
}
