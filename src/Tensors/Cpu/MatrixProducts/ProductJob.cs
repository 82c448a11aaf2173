using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.MatrixProducts;

/// <summary>Who packs op(B).</summary>
internal enum PackingOfB
{
    /// <summary>A <see cref="PackJob{S, V}"/> before, for all threads: large products, and weights that were packed for good.</summary>
    Shared,

    /// <summary>A <see cref="PackBFloat16Job{S, V}"/>, once for many products.</summary>
    SharedBFloat16,

    /// <summary>Every worker all of it, before its first task: a small B costs less to pack again than to fetch from another core's cache.</summary>
    ByWorker,

    /// <summary>Every task the panel that it needs next.</summary>
    ByTask,
}

/// <summary>
/// Computes a grid of blocks of C for some blocks of k. A is read in place, or each task packs its rows into its worker's scratch.
/// </summary>
internal unsafe struct ProductJob<S, V> : IParallelJob
    where S : struct, ISimd<V>
    where V : struct
{
    /// <summary>Floats at the start of a worker's scratch: whether it packed op(B), and the panel that it asked for last.</summary>
    private const int Flag = 16;

    public ProductArguments Product;
    public KPartition Partition;
    public TaskGrid Grid;
    public PackingOfB Packing;
    public int FirstBlock;
    public int BlockCount;
    public int FirstColumn;
    public int Columns;
    public float* PackedB;      // Shared, SharedBFloat16
    public ScratchLayout Scratch;
    public WorkerPool Pool;

    /// <summary>Scratch of each worker: a flag, then B (all of it or one panel), then rows of A where they are packed.</summary>
    public readonly struct ScratchLayout(float* start, nint floatsOfB, nint floatsOfA)
    {
        public float* B(int worker) => start + worker * FloatsEach + Flag;

        public float* A(int worker) => B(worker) + floatsOfB;

        public int* WasPacked(int worker) => (int*)(start + worker * FloatsEach);

        /// <summary>Where in the packed B the panel begins that this worker asked memory for; -1 for none.</summary>
        public nint* Asked(int worker) => (nint*)(start + worker * FloatsEach) + 1;

        public nint FloatsEach => (Flag + floatsOfB + floatsOfA + 31) & ~31;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Execute(int task)
    {
        int width = MicroKernel<S, V>.Columns, height = MicroKernel<S, V>.Rows;
        float* tile = stackalloc float[PanelProduct<S, V>.TileFloats];
        tile = PanelProduct<S, V>.Align(tile);
        int worker = Pool.CurrentWorker;
        if (Packing == PackingOfB.ByWorker && *Scratch.WasPacked(worker) == 0)
        {
            PackAll(Scratch.B(worker));
            *Scratch.WasPacked(worker) = 1;
        }

        (int firstTile, int endTile) = Grid.Rows(task);
        (int firstPanel, int endPanel) = Grid.Columns(task);
        int row = firstTile * height, rows = Math.Min(Product.M, endTile * height) - row;
        int panels = ProductDriver<S, V>.PanelCount(Columns);
        int rowFloats = Packing == PackingOfB.SharedBFloat16 ? BFloat16Panel.RowFloats<S, V>() : FloatPanel.RowFloats<S, V>();
        nint asked = *Scratch.Asked(worker);
        for (int block = FirstBlock; block < FirstBlock + BlockCount; block++)
        {
            SumBlock sums = Partition.Block(block);
            nint before = (nint)(sums.Start - Partition.Start(FirstBlock)) * panels * rowFloats;
            float* packedA = null;
            if (Product.PacksA)
            {
                packedA = Scratch.A(worker);
                Panels<S, V>.PackTransposedA(Product.AddressA(row, sums.Start), Product.StrideA, sums.Length, rows, packedA);
            }
            for (int panel = firstPanel; panel < endPanel; panel++)
            {
                int column = panel * width;
                var part = new OutputPart(row, rows, FirstColumn + column, Math.Min(width, Columns - column));
                nint offset = before + (nint)panel * sums.Length * rowFloats, after = Next(task, block, panel, panels, rowFloats);
                bool wasAsked = offset == asked;
                asked = after;
                if (Packing == PackingOfB.SharedBFloat16)
                {
                    PanelProduct<S, V>.Multiply<BFloat16Panel>(Product, packedA, PackedB + offset, part, sums, tile, new PanelAhead(after - offset, wasAsked));
                    continue;
                }
                float* b = Packing == PackingOfB.Shared ? PackedB + offset : Scratch.B(worker) + (Packing == PackingOfB.ByWorker ? offset : 0);
                if (Packing == PackingOfB.ByTask)
                    Panels<S, V>.PackB(Product.TransposeB, Product.AddressB(sums.Start, part.Column), Product.StrideB, sums.Length, part.Columns, b);
                PanelProduct<S, V>.Multiply<FloatPanel>(Product, packedA, b, part, sums, tile, new PanelAhead(Packing == PackingOfB.Shared ? after - offset : 0, wasAsked));
            }
        }
        *Scratch.Asked(worker) = asked;
    }

    /// <summary>
    /// Where in the packed B the panel lies that comes after another: that of the next columns, the task's first one of the next block, or the first one of the
    /// next task, which is mostly the same worker's.
    /// </summary>
    private readonly nint Next(int task, int block, int panel, int panels, int rowFloats)
    {
        (int firstPanel, int endPanel) = Grid.Columns(task);
        if (++panel == endPanel)
        {
            panel = firstPanel;
            if (++block == FirstBlock + BlockCount)
                (block, panel) = task + 1 < Grid.Tasks ? (FirstBlock, Grid.Columns(task + 1).From) : (block - 1, endPanel - 1);
        }

        nint before = (nint)(Partition.Start(block) - Partition.Start(FirstBlock)) * panels * rowFloats;
        return before + (nint)panel * Partition.LengthOf(block) * rowFloats;
    }

    private readonly void PackAll(float* target)
    {
        var pack = new PackJob<S, V>
        {
            Product = Product,
            Partition = Partition,
            FirstBlock = FirstBlock,
            FirstColumn = FirstColumn,
            Columns = Columns,
            Packed = target,
        };
        int tasks = ProductDriver<S, V>.PanelCount(Columns) * BlockCount;
        for (int task = 0; task < tasks; task++)
            pack.Execute(task);
    }
}
