using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.MatrixProducts;

/// <summary>
/// Computes a grid of blocks of C for some blocks of k. A is read in place or from <see cref="PackedA"/>; B from <see cref="PackedB"/>, or
/// each panel is packed by the task that uses it, when no other task does.
/// </summary>
internal unsafe struct ProductJob<S, V> : IParallelJob
    where S : struct, ISimd<V>
    where V : struct
{
    public ProductArguments Product;
    public KPartition Partition;
    public Blocks Blocks;
    public int FirstBlock;
    public int BlockCount;
    public int FirstColumn;
    public int Columns;
    public int FirstRow;
    public int Rows;
    public float* PackedB;      // null: pack by task, into the worker's own scratch
    public float* PackedA;      // null: A is read in place
    public float* Scratch;      // PanelScratch floats a worker
    public WorkerPool Pool;

    /// <summary>Floats of scratch that a worker needs to pack a panel.</summary>
    public static nint PanelScratch => KPartition.MaxLength * MicroKernel<S, V>.Columns;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Execute(int task)
    {
        int width = MicroKernel<S, V>.Columns, height = MicroKernel<S, V>.Rows;
        float* tile = stackalloc float[height * width + 16];
        tile = (float*)(((nint)tile + 63) & ~63);
        (int firstTile, int endTile) = Blocks.Rows(task % Blocks.RowBlocks);
        (int firstPanel, int endPanel) = Blocks.Columns(task / Blocks.RowBlocks);
        int row = firstTile * height;
        int rows = Math.Min(Rows, endTile * height) - row;
        for (int block = FirstBlock; block < FirstBlock + BlockCount; block++)
        {
            int start = Partition.Start(block), length = Partition.LengthOf(block);
            nint offset = start - Partition.Start(FirstBlock);
            bool first = block == 0, last = block == Partition.Count - 1;
            for (int panel = firstPanel; panel < endPanel; panel++)
            {
                int column = panel * width, columns = Math.Min(width, Columns - column);
                float* b;
                if (PackedB != null)
                {
                    b = PackedB + offset * Blocks.Panels * width + (nint)panel * width * length;
                }
                else
                {
                    b = Scratch + Pool.CurrentWorker * PanelScratch;
                    Panels<S, V>.PackB(
                        Product.TransposeB, Product.AddressB(start, FirstColumn + column), Product.StrideB, length, columns, b);
                }
                float* packedA = PackedA == null ? null : PackedA + offset * ProductDriver<S, V>.PaddedRows(Rows) + (nint)row * length;
                Strip(packedA, b, start, length, row, rows, column, columns, tile, first, last);
            }
        }
    }

    /// <summary>One panel of B times the rows of this task.</summary>
    private readonly void Strip(
        float* packedA, float* b, int start, int length, int row, int rows, int column, int columns, float* tile, bool first, bool last)
    {
        int width = MicroKernel<S, V>.Columns, height = MicroKernel<S, V>.Rows;
        bool accumulate = !first || Product.Beta == 1f;
        // Without anything to do to the sums they go straight to C; the results are the same bits.
        bool direct = columns == width && Product.Alpha == 1f && (accumulate || Product.Beta == 0f) && !Product.DerivativeInEveryBlock
            && !(last && !Product.Epilogue.IsEmpty);
        float* c = Product.C + (FirstRow + row) * Product.StrideC + FirstColumn + column;
        for (int done = 0; done < rows; done += height)
        {
            int count = Math.Min(height, rows - done);
            float* a = packedA != null ? packedA + (nint)done * length : Product.AddressA(FirstRow + row + done, start);
            nint aRow = packedA != null ? 1 : Product.StrideA, aStep = packedA != null ? height : 1;
            if (!direct)
            {
                MicroKernel<S, V>.Multiply<SetTile>(count, length, a, aRow, aStep, b, width, tile, width);
                TileFinish<S, V>.Apply(Product, tile, FirstRow + row + done, FirstColumn + column, count, columns, first, last);
            }
            else if (accumulate)
            {
                MicroKernel<S, V>.Multiply<AddTile>(count, length, a, aRow, aStep, b, width, c + done * Product.StrideC, Product.StrideC);
            }
            else
            {
                MicroKernel<S, V>.Multiply<SetTile>(count, length, a, aRow, aStep, b, width, c + done * Product.StrideC, Product.StrideC);
            }
        }
    }
}
