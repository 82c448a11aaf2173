using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.MatrixProducts;

/// <summary>The products of one vector width; <see cref="MatrixProduct"/> picks it once and holds the buffers.</summary>
internal abstract unsafe class ProductDriver : IDisposable
{
    public abstract void Multiply(in ProductArguments product);

    /// <inheritdoc cref="MatrixProduct.PackedFloats"/>
    public abstract long PackedFloats(int n, int k, bool narrow);

    /// <summary>Packs all of the product's op(B).</summary>
    public abstract void Pack(in ProductArguments product, float* packed, bool narrow);

    /// <summary>The product with an op(B) that was packed; its own B is not read.</summary>
    public abstract void MultiplyPacked(in ProductArguments product, float* packed, bool narrow);

    public abstract void AddAbsolutePerSample(
        int samples, int rowsPerSample, int n, int k,
        float* outputGradient, nint outputGradientStride, float* input, nint inputStride, float* accumulator, nint accumulatorStride);

    public abstract void AddColumnSums(int rows, int rowsInPart, bool absolute, int n, float* values, nint stride, float* accumulator);

    public abstract void Dispose();
}

/// <summary>
/// Cuts a product into jobs, in the manner of Goto and van de Geijn (Anatomy of High-Performance Matrix Multiplication, 2008), with one difference: A is read
/// in place, because the broadcasts of the micro-kernel cost the same there, unless it is transposed and wide.
/// </summary>
internal sealed unsafe class ProductDriver<S, V>(WorkerPool pool) : ProductDriver
    where S : struct, ISimd<V>
    where V : struct
{
    /// <summary>Floats of op(B) that are packed for all threads at one time: 8 MiB stay in a shared third-level cache.</summary>
    private const int SharedFloats = 2 << 20;

    /// <summary>Floats of op(B) that every worker may pack for itself: 384 KiB stay in the second-level cache.</summary>
    private const int WorkerFloats = 96 << 10;

    /// <summary>From this many operations on the wait between packing and multiplying does not matter.</summary>
    private const double SharedOperations = 2e8;

    private readonly Workspace _packedB = new();
    private readonly Workspace _scratch = new();

    public static int PanelCount(int columns) => (columns + MicroKernel<S, V>.Columns - 1) / MicroKernel<S, V>.Columns;

    public static int TileCount(int rows) => (rows + MicroKernel<S, V>.Rows - 1) / MicroKernel<S, V>.Rows;

    /// <summary>Cycles a step of k to pack a tile of A, measured against the two multiply-adds of a cycle.</summary>
    private static double CostOfA(in ProductArguments product) => product.PacksA ? 2 : 0;

    /// <summary>Cycles a step of k to pack a panel of B: copied, or transposed.</summary>
    private static double CostOfB(in ProductArguments product) => product.TransposeB ? 8 : 2;

    /// <summary>Cycles a step of k to read a packed panel of a weight: few, but more than the none that would let every tile of a few rows read it from memory again.</summary>
    private const double CostOfPackedB = 4;

    public override void Multiply(in ProductArguments product)
    {
        if (SkinnyJob<S, V>.Serves(product))
        {
            var skinny = new SkinnyJob<S, V> { Product = product };
            pool.Run(ref skinny, PanelCount(product.N));
            return;
        }

        KPartition partition = KPartition.ForProduct(product.K);
        int tiles = TileCount(product.M), panels = PanelCount(product.N), k = Math.Max(1, product.K);
        double floatsOfB = (double)panels * MicroKernel<S, V>.Columns * k;
        if (product.M > TaskGrid.MaxRows && floatsOfB > WorkerFloats && 2.0 * product.M * product.N * k >= SharedOperations)
        {
            MultiplyShared(product, partition);
            return;
        }

        bool byWorker = floatsOfB <= WorkerFloats && product.M > TaskGrid.MaxRows / 2;
        double cost = byWorker ? 0 : CostOfB(product);
        var job = new ProductJob<S, V>
        {
            Product = product,
            Partition = partition,
            Grid = TaskGrid.Choose(tiles, MicroKernel<S, V>.Rows, panels, k, CostOfA(product), cost, pool.Threads),
            Packing = byWorker ? PackingOfB.ByWorker : PackingOfB.ByTask,
            BlockCount = partition.Count,
            Columns = product.N,
            Pool = pool,
        };
        Run(ref job, byWorker ? (nint)floatsOfB : (nint)MicroKernel<S, V>.Columns * partition.Length);
    }

    /// <summary>Packs op(B) group by group for all threads.</summary>
    private void MultiplyShared(in ProductArguments product, KPartition partition)
    {
        int width = MicroKernel<S, V>.Columns;
        int mostColumns = SharedFloats / partition.Length / width * width;
        for (int column = 0; column < product.N; column += mostColumns)
        {
            int columns = Math.Min(mostColumns, product.N - column), panels = PanelCount(columns);
            int mostBlocks = Math.Clamp(SharedFloats / partition.Length / (panels * width), 1, partition.Count);
            for (int block = 0; block < partition.Count; block += mostBlocks)
            {
                int blocks = Math.Min(mostBlocks, partition.Count - block);
                int k = Math.Min(partition.Total, partition.Start(block + blocks)) - partition.Start(block);
                var pack = new PackJob<S, V>
                {
                    Product = product,
                    Partition = partition,
                    FirstBlock = block,
                    FirstColumn = column,
                    Columns = columns,
                    Packed = _packedB.Reserve((nint)panels * width * k),
                };
                pool.Run(ref pack, panels * blocks);
                var job = new ProductJob<S, V>
                {
                    Product = product,
                    Partition = partition,
                    Grid = TaskGrid.Choose(TileCount(product.M), MicroKernel<S, V>.Rows, panels, k, CostOfA(product), 0, pool.Threads),
                    Packing = PackingOfB.Shared,
                    FirstBlock = block,
                    BlockCount = blocks,
                    FirstColumn = column,
                    Columns = columns,
                    PackedB = pack.Packed,
                    Pool = pool,
                };
                Run(ref job, 0);
            }
        }
    }

    public override long PackedFloats(int n, int k, bool narrow) =>
        (long)PanelCount(n) * (narrow ? BFloat16Panel.RowFloats<S, V>() : FloatPanel.RowFloats<S, V>()) * k;

    public override void Pack(in ProductArguments product, float* packed, bool narrow)
    {
        var pack = new PackJob<S, V> { Product = product, Partition = KPartition.ForProduct(product.K), Columns = product.N, Packed = packed };
        int tasks = PanelCount(product.N) * pack.Partition.Count;
        if (!narrow)
        {
            pool.Run(ref pack, tasks);
            return;
        }
        var narrowing = new PackBFloat16Job<S, V> { Pack = pack };
        pool.Run(ref narrowing, tasks);
    }

    public override void MultiplyPacked(in ProductArguments product, float* packed, bool narrow)
    {
        KPartition partition = KPartition.ForProduct(product.K);
        var job = new ProductJob<S, V>
        {
            Product = product,
            Partition = partition,
            Grid = TaskGrid.Choose(
                TileCount(product.M), MicroKernel<S, V>.Rows, PanelCount(product.N), Math.Max(1, product.K), CostOfA(product), CostOfPackedB, pool.Threads),
            Packing = narrow ? PackingOfB.SharedBFloat16 : PackingOfB.Shared,
            BlockCount = partition.Count,
            Columns = product.N,
            PackedB = packed,
            Pool = pool,
        };
        Run(ref job, 0);
    }

    private void Run(ref ProductJob<S, V> job, nint floatsOfB)
    {
        nint floatsOfA = job.Product.PacksA ? (nint)TaskGrid.MaxRows * job.Partition.Length : 0;
        nint floatsEach = new ProductJob<S, V>.ScratchLayout(null, floatsOfB, floatsOfA).FloatsEach;
        job.Scratch = new ProductJob<S, V>.ScratchLayout(_scratch.Reserve(floatsEach * pool.Workers), floatsOfB, floatsOfA);
        for (int worker = 0; worker < pool.Workers; worker++)
        {
            *job.Scratch.WasPacked(worker) = 0;
            *job.Scratch.Asked(worker) = -1;
        }
        pool.Run(ref job, job.Grid.Tasks);
    }

    public override void AddAbsolutePerSample(
        int samples, int rowsPerSample, int n, int k,
        float* outputGradient, nint outputGradientStride, float* input, nint inputStride, float* accumulator, nint accumulatorStride)
    {
        var job = new PerSampleJob<S, V>
        {
            Samples = samples,
            RowsPerSample = rowsPerSample,
            N = n,
            K = k,
            OutputGradient = outputGradient,
            OutputGradientStride = outputGradientStride,
            Input = input,
            InputStride = inputStride,
            Accumulator = accumulator,
            AccumulatorStride = accumulatorStride,
            Grid = TaskGrid.Choose(TileCount(n), MicroKernel<S, V>.Rows, PanelCount(k), samples * rowsPerSample, 2, 2, pool.Threads),
            Pool = pool,
        };
        job.Scratch = _scratch.Reserve(job.ScratchFloats * pool.Workers);
        pool.Run(ref job, job.Grid.Tasks);
    }

    public override void AddColumnSums(int rows, int rowsInPart, bool absolute, int n, float* values, nint stride, float* accumulator)
    {
        var job = new ColumnSumsJob<S, V>
        {
            Rows = rows,
            RowsInPart = rowsInPart,
            N = n,
            Values = values,
            Stride = stride,
            Accumulator = accumulator,
            Absolute = absolute,
        };
        pool.Run(ref job, (n + ColumnSumsJob<S, V>.ColumnsEach - 1) / ColumnSumsJob<S, V>.ColumnsEach);
    }

    public override void Dispose()
    {
        _packedB.Dispose();
        _scratch.Dispose();
    }
}
