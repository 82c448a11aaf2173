using System.Runtime.InteropServices;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cuda.Kernels;

/// <summary>Sums over the rows of a batch that become gradients of vectors: <c>native/kernels/column_sums.cuh</c>.</summary>
internal static class ColumnSumKernels
{
    public static readonly Kernel<ColumnSumsFinishArguments> Finish = new("column_sums_finish", RowLaunch.ColumnThreads);
}

/// <summary>How the rows of a batch are cut into sections, by their number alone.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ColumnSections
{
    /// <summary>Most rows of a section: eight for each warp of its block.</summary>
    private const int MostRows = 64;

    public nint Partials;
    public long Stride;
    public int Rows;
    public int Columns;
    public int UnitRows;
    public int Chunks;
    public int ChunkRows;
    public int Unused;

    public ColumnSections(int rows, int columns, GradientReduction reduction, int rowsPerSample)
    {
        Rows = rows;
        Columns = columns;
        Stride = RowLaunch.Divided(columns, 4) * 4L;
        UnitRows = reduction == GradientReduction.Sum ? Math.Min(rows, MostRows) : rowsPerSample;
        Chunks = RowLaunch.Divided(UnitRows, MostRows);
        ChunkRows = RowLaunch.Divided(UnitRows, Chunks);
    }

    public readonly int Units => RowLaunch.Divided(Rows, UnitRows);

    public readonly int Count => checked(Units * Chunks);

    /// <summary>Blocks of the kernel that sums the sections.</summary>
    public readonly Grid Grid => RowLaunch.Tiles(Count, Columns);

    /// <summary>Bytes of the partial sums.</summary>
    public readonly long Bytes(int sums) => sizeof(float) * Stride * sums * Count;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ColumnSumsFinishArguments
{
    public nint Partials;
    public nint FirstTarget;
    public nint SecondTarget;
    public long Stride;
    public int Columns;
    public int Units;
    public int Chunks;
    public int Absolute;
}
