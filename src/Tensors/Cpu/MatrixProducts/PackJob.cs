using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.MatrixProducts;

/// <summary>
/// Packs panels of op(B) that all threads share, for the blocks of k from <see cref="FirstBlock"/> on. A block of k is stored as a whole:
/// its panels one after the other. One task is one panel of one block.
/// </summary>
internal unsafe struct PackJob<S, V> : IParallelJob
    where S : struct, ISimd<V>
    where V : struct
{
    public ProductArguments Product;
    public KPartition Partition;
    public int FirstBlock;
    public int FirstColumn;
    public int Columns;
    public float* Packed;

    public readonly void Execute(int task) => Execute(task, Packed + Place(task).Offset);

    /// <summary>Packs one task's panel to another place.</summary>
    public readonly void Execute(int task, float* target)
    {
        int width = MicroKernel<S, V>.Columns, panels = ProductDriver<S, V>.PanelCount(Columns);
        int block = FirstBlock + task / panels, column = task % panels * width, start = Partition.Start(block);
        Panels<S, V>.PackB(
            Product.TransposeB, Product.AddressB(start, FirstColumn + column), Product.StrideB, Partition.LengthOf(block),
            Math.Min(width, Columns - column), target);
    }

    /// <summary>Where a task's panel begins, in floats, and its rows.</summary>
    public readonly (nint Offset, int Length) Place(int task)
    {
        int width = MicroKernel<S, V>.Columns, panels = ProductDriver<S, V>.PanelCount(Columns);
        int block = FirstBlock + task / panels, length = Partition.LengthOf(block);
        nint before = (nint)(Partition.Start(block) - Partition.Start(FirstBlock)) * panels;
        return ((before + (nint)(task % panels) * length) * width, length);
    }
}
