using System.Numerics;
using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Cuda.Kernels;

/// <summary>A matrix in an argument struct: <c>Rows</c> of <c>native/kernels/rows.cuh</c>. Of <c>default</c>: nothing.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct RowsArgument
{
    public readonly nint Data;
    public readonly long Stride;

    public RowsArgument(Matrix matrix)
    {
        Data = matrix.Data.Address;
        Stride = matrix.Stride;
    }

    public RowsArgument(nint data, long stride)
    {
        Data = data;
        Stride = stride;
    }

    public static implicit operator RowsArgument(Matrix matrix) => new(matrix);
}

/// <summary>How kernels over rows are launched; the shapes that <c>native/kernels/rows.cuh</c> speaks of.</summary>
internal static class RowLaunch
{
    /// <summary>Threads of a block whose threads share rows evenly (<c>ROW_THREADS</c>).</summary>
    public const int Threads = 256;

    /// <summary>Threads of a block that sums over rows (<c>COLUMN_THREADS</c>), and the columns that it owns.</summary>
    public const int ColumnThreads = 256, ColumnTile = 128;

    /// <summary>Most blocks in y and z.</summary>
    private const int GridLimit = 65535;

    /// <summary>Threads of a row where rows are many: a row of 768 columns then has three packets of four for each.</summary>
    private const int LanesLog2 = 6;

    /// <summary>Blocks of whole rows, one warp each.</summary>
    public static Grid Warps(int rows, int warpsPerBlock) => new(Divided(rows, warpsPerBlock));

    /// <summary>Blocks that own a tile of columns of one unit of rows each.</summary>
    public static Grid Tiles(int units, int columns) => new(units, Limited(Divided(columns, ColumnTile)));

    /// <summary>Blocks for element-wise work over [rows, columns], and the logarithm of the threads that share a row.</summary>
    public static Grid Elements(int rows, int columns, out int lanesLog2)
    {
        int packets = Divided(columns, 4);
        lanesLog2 = Math.Min(LanesLog2, BitOperations.Log2((uint)Math.Max(1, packets - 1)) + (packets > 1 ? 1 : 0));
        // Few long rows: the threads of a block that would have no row of their own help with what there is.
        while (lanesLog2 < 8 && Threads >> lanesLog2 > rows && 1 << lanesLog2 < packets) lanesLog2++;
        return new Grid(Divided(rows, Threads >> lanesLog2), Limited(Divided(packets, 4 << lanesLog2)));
    }

    /// <summary>Blocks in y: kernels stride where there are fewer than they have work for.</summary>
    public static int Limited(int blocks) => Math.Clamp(blocks, 1, GridLimit);

    public static int Divided(int count, int by) => (int)(((long)count + by - 1) / by);
}
