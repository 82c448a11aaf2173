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

    public readonly void Execute(int task)
    {
        int width = MicroKernel<S, V>.Columns, panels = (Columns + width - 1) / width;
        int block = FirstBlock + task / panels, column = task % panels * width;
        int start = Partition.Start(block), length = Partition.LengthOf(block);
        nint offset = (nint)(start - Partition.Start(FirstBlock)) * panels * width;
        Panels<S, V>.PackB(
            Product.TransposeB, Product.AddressB(start, FirstColumn + column), Product.StrideB, length,
            Math.Min(width, Columns - column), Packed + offset + (nint)column * length);
    }
}
