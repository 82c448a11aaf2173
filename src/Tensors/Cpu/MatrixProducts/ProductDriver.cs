using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.MatrixProducts;

/// <summary>The products of one vector width; <see cref="MatrixProduct"/> picks it once and holds the buffers.</summary>
internal abstract class ProductDriver : IDisposable
{
    public abstract void Multiply(in ProductArguments product);

    public abstract void Dispose();
}

/// <summary>
/// Cuts a product into packing and multiplying jobs, in the manner of Goto and van de Geijn (Anatomy of High-Performance Matrix Multiplication, 2008):
/// panels of op(B) are packed once and shared by all threads; A is read in place, because its broadcasts cost the same there, unless it is used transposed.
/// </summary>
internal sealed unsafe class ProductDriver<S, V>(WorkerPool pool) : ProductDriver
    where S : struct, ISimd<V>
    where V : struct
{
    /// <summary>Floats of packed B, and of packed A, at one time: 8 MiB each stay in a shared third-level cache.</summary>
    private const int PackedFloats = 2 << 20;

    private readonly NativeBuffer _packedA = new();
    private readonly NativeBuffer _packedB = new();
    private readonly NativeBuffer _scratch = new();

    public static int PanelCount(int columns) => (columns + MicroKernel<S, V>.Columns - 1) / MicroKernel<S, V>.Columns;

    public static int TileCount(int rows) => (rows + MicroKernel<S, V>.Rows - 1) / MicroKernel<S, V>.Rows;

    /// <summary>Rows of packed A, the padding of the last tile included.</summary>
    public static int PaddedRows(int rows) => TileCount(rows) * MicroKernel<S, V>.Rows;

    public override void Multiply(in ProductArguments product)
    {
        KPartition partition = KPartition.ForProduct(product.K);
        if (!product.TransposeA && product.M <= Blocks.MaxRows)
            MultiplyLow(product, partition);
        else
            MultiplyShared(product, partition);
    }

    /// <summary>Few rows: every panel of B is needed by one task alone, which packs it and uses it while it is in its cache.</summary>
    private void MultiplyLow(in ProductArguments product, KPartition partition)
    {
        double operations = 2.0 * product.M * product.N * Math.Max(1, product.K);
        var job = new ProductJob<S, V>
        {
            Product = product,
            Partition = partition,
            Blocks = Blocks.ByColumns(TileCount(product.M), PanelCount(product.N), operations, pool.Threads),
            FirstBlock = 0,
            BlockCount = partition.Count,
            Columns = product.N,
            Rows = product.M,
            Scratch = _scratch.Get(pool.Threads * ProductJob<S, V>.PanelScratch),
            Pool = pool,
        };
        pool.Run(ref job, job.Blocks.Tasks);
    }

    private void MultiplyShared(in ProductArguments product, KPartition partition)
    {
        int width = MicroKernel<S, V>.Columns, height = MicroKernel<S, V>.Rows;
        int mostColumns = Math.Max(width, PackedFloats / partition.Length / width * width);
        int mostRows = product.TransposeA ? Math.Max(height, PackedFloats / partition.Length / height * height) : product.M;
        for (int row = 0; row < product.M; row += mostRows)
        {
            int rows = Math.Min(mostRows, product.M - row);
            for (int column = 0; column < product.N; column += mostColumns)
            {
                int columns = Math.Min(mostColumns, product.N - column);
                int widest = Math.Max(PanelCount(columns) * width, product.TransposeA ? PaddedRows(rows) : 0);
                int blocks = Math.Clamp(PackedFloats / partition.Length / widest, 1, partition.Count);
                for (int block = 0; block < partition.Count; block += blocks)
                    MultiplyGroup(product, partition, block, Math.Min(blocks, partition.Count - block), row, rows, column, columns);
            }
        }
    }

    private void MultiplyGroup(
        in ProductArguments product, KPartition partition, int block, int blockCount, int row, int rows, int column, int columns)
    {
        int k = Math.Min(partition.Total, partition.Start(block + blockCount)) - partition.Start(block);
        int panels = PanelCount(columns);
        var pack = new PackJob<S, V>
        {
            Product = product,
            Partition = partition,
            FirstBlock = block,
            BlockCount = blockCount,
            FirstColumn = column,
            Columns = columns,
            FirstRow = row,
            Rows = rows,
            PackedB = _packedB.Get((nint)panels * MicroKernel<S, V>.Columns * k),
            PackedA = product.TransposeA ? _packedA.Get((nint)PaddedRows(rows) * k) : null,
        };
        pool.Run(ref pack, pack.Tasks);
        var job = new ProductJob<S, V>
        {
            Product = product,
            Partition = partition,
            Blocks = Blocks.Grid(TileCount(rows), MicroKernel<S, V>.Rows, panels, 2.0 * rows * columns * k, pool.Threads),
            FirstBlock = block,
            BlockCount = blockCount,
            FirstColumn = column,
            Columns = columns,
            FirstRow = row,
            Rows = rows,
            PackedB = pack.PackedB,
            PackedA = pack.PackedA,
            Pool = pool,
        };
        pool.Run(ref job, job.Blocks.Tasks);
    }

    public override void Dispose()
    {
        _packedA.Dispose();
        _packedB.Dispose();
        _scratch.Dispose();
    }
}
