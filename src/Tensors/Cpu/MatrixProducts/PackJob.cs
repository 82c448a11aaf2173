using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.MatrixProducts;

/// <summary>
/// Packs what all threads share: panels of op(B), and tiles of op(A) where A is used transposed, for the blocks of k from <see cref="FirstBlock"/> on.
/// Each block of k is stored as a whole: its panels one after the other.
/// </summary>
internal unsafe struct PackJob<S, V> : IParallelJob
    where S : struct, ISimd<V>
    where V : struct
{
    /// <summary>Panels of B in a task.</summary>
    private const int PanelsEach = 1;

    public ProductArguments Product;
    public KPartition Partition;
    public int FirstBlock;
    public int BlockCount;
    public int FirstColumn;
    public int Columns;
    public int FirstRow;
    public int Rows;
    public float* PackedB;
    public float* PackedA;   // null when A is read in place

    private readonly int TasksB => (ProductDriver<S, V>.PanelCount(Columns) + PanelsEach - 1) / PanelsEach;

    private static int RowsEach => 2 * MicroKernel<S, V>.Rows;

    private readonly int TasksA => PackedA == null ? 0 : (Rows + RowsEach - 1) / RowsEach;

    public readonly int Tasks => (TasksB + TasksA) * BlockCount;

    public readonly void Execute(int task)
    {
        int block = FirstBlock + task / (TasksB + TasksA);
        int part = task % (TasksB + TasksA);
        int start = Partition.Start(block), length = Partition.LengthOf(block);
        nint offset = start - Partition.Start(FirstBlock);
        if (part < TasksB)
        {
            int panels = ProductDriver<S, V>.PanelCount(Columns), width = MicroKernel<S, V>.Columns;
            float* target = PackedB + offset * panels * width;
            for (int panel = part * PanelsEach; panel < Math.Min(panels, (part + 1) * PanelsEach); panel++)
            {
                int column = panel * width;
                Panels<S, V>.PackB(
                    Product.TransposeB, Product.AddressB(start, FirstColumn + column), Product.StrideB, length,
                    Math.Min(width, Columns - column), target + (nint)panel * width * length);
            }
        }
        else
        {
            int row = (part - TasksB) * RowsEach;
            float* target = PackedA + offset * ProductDriver<S, V>.PaddedRows(Rows) + (nint)row * length;
            Panels<S, V>.PackTransposedA(
                Product.AddressA(FirstRow + row, start), Product.StrideA, length, Math.Min(RowsEach, Rows - row), target);
        }
    }
}
