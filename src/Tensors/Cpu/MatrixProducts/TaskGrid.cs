namespace MergeEngine.Tensors.Cpu.MatrixProducts;

/// <summary>
/// How the tiles of C are dealt out: <see cref="RowBlocks"/> × <see cref="ColumnBlocks"/> tasks, rows outermost, so that a thread's tasks are
/// neighbours. The grid may depend on the number of threads because no element's sum depends on it.
/// </summary>
internal readonly struct TaskGrid
{
    /// <summary>Most rows in a task: with the longest block of k, 192 rows of A are 384 KiB.</summary>
    public const int MaxRows = 192;

    private readonly int _tiles;
    private readonly int _panels;

    private TaskGrid(int tiles, int panels, int rowBlocks, int columnBlocks)
    {
        _tiles = tiles;
        _panels = panels;
        RowBlocks = rowBlocks;
        ColumnBlocks = columnBlocks;
    }

    public int RowBlocks { get; }

    public int ColumnBlocks { get; }

    public int Tasks => RowBlocks * ColumnBlocks;

    /// <summary>
    /// The grid with the least estimated time, in cycles of two vector multiply-adds: an even share of all the work, half of one task more because
    /// threads do not end together, and what a task costs to begin.
    /// </summary>
    /// <param name="tiles">Tiles down a column of C.</param>
    /// <param name="tileRows">Rows of a tile.</param>
    /// <param name="panels">Panels along a row of C.</param>
    /// <param name="k">Length of the sums.</param>
    /// <param name="tileCost">Cycles a step of k to pack one tile of A in every task that uses it; 0 when A is read in place.</param>
    /// <param name="panelCost">Cycles a step of k to pack one panel of B in every task that uses it; 0 when it is packed already.</param>
    /// <param name="threads">Threads that share the tasks.</param>
    public static TaskGrid Choose(int tiles, int tileRows, int panels, int k, double tileCost, double panelCost, int threads)
    {
        const double taskStart = 400;
        int mostTiles = MaxRows / tileRows, fewestRows = (tiles + mostTiles - 1) / mostTiles;
        int bestRows = fewestRows, bestColumns = 1;
        double bestTime = double.MaxValue;
        for (int rows = fewestRows; rows <= tiles; rows = Next(rows, tiles))
        {
            int tilesEach = (tiles + rows - 1) / rows;
            for (int columns = 1; columns <= panels; columns = Next(columns, panels))
            {
                int panelsEach = (panels + columns - 1) / columns;
                double task = k * ((double)tileRows * tilesEach * panelsEach + tileCost * tilesEach + panelCost * panelsEach) + taskStart;
                double work = k * ((double)tileRows * tiles * panels + tileCost * tiles * columns + panelCost * panels * rows) + taskStart * rows * columns;
                double time = threads == 1 ? work : Math.Max(work / threads + 0.5 * task, task);
                if (time < bestTime)
                    (bestTime, bestRows, bestColumns) = (time, rows, columns);
                if (rows * columns > 16 * threads)
                    break;
            }
            if (rows > 16 * threads)
                break;
        }
        return new TaskGrid(tiles, panels, bestRows, bestColumns);
    }

    /// <summary>1, 2, 3, 4, 6, 8, 12, 16, 24 … and at last the limit itself.</summary>
    private static int Next(int value, int limit)
    {
        int next = value < 3 ? value + 1 : (value & (value - 1)) == 0 ? value + value / 2 : value + (value + 2) / 3;
        return value < limit ? Math.Min(next, limit) : limit + 1;
    }

    /// <summary>Tiles from … to - 1 of a task.</summary>
    public (int From, int To) Rows(int task) => Part(_tiles, RowBlocks, task / ColumnBlocks);

    /// <summary>Panels from … to - 1 of a task.</summary>
    public (int From, int To) Columns(int task) => Part(_panels, ColumnBlocks, task % ColumnBlocks);

    private static (int From, int To) Part(int items, int parts, int part) =>
        ((int)((long)items * part / parts), (int)((long)items * (part + 1) / parts));
}
