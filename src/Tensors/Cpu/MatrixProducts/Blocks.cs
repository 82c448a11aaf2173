namespace MergeEngine.Tensors.Cpu.MatrixProducts;

/// <summary>
/// How the tiles of C are dealt out: <see cref="RowBlocks"/> × <see cref="ColumnBlocks"/> tasks. The grid may depend on the number of
/// threads because no element's sum depends on it.
/// </summary>
internal readonly struct Blocks
{
    /// <summary>Most rows in a task: with the longest block of k, 192 rows of A are 384 KiB.</summary>
    public const int MaxRows = 192;

    /// <summary>Less arithmetic than this (about four microseconds) is not worth another task.</summary>
    private const double MinTaskOperations = 1e6;

    public readonly int RowTiles;
    public readonly int Panels;
    public readonly int RowBlocks;
    public readonly int ColumnBlocks;

    private Blocks(int rowTiles, int panels, int rowBlocks, int columnBlocks)
    {
        RowTiles = rowTiles;
        Panels = panels;
        RowBlocks = rowBlocks;
        ColumnBlocks = columnBlocks;
    }

    /// <summary>A grid over both directions.</summary>
    public static Blocks Grid(int rowTiles, int tileRows, int panels, double operations, int threads)
    {
        int mostTiles = MaxRows / tileRows;
        int rows = (rowTiles + mostTiles - 1) / mostTiles;
        int columns = 1;
        int wanted = WantedTasks(operations, threads);
        while (rows * columns < wanted)
        {
            int panelsEach = panels / columns, tilesEach = rowTiles / rows;
            if (panelsEach >= 2 && (panelsEach * 2 >= tilesEach || tilesEach < 2))
                columns = Math.Min(panels, columns + Math.Max(1, columns / 2));
            else if (tilesEach >= 2)
                rows = Math.Min(rowTiles, rows + Math.Max(1, rows / 2));
            else
                break;
        }
        return new Blocks(rowTiles, panels, rows, columns);
    }

    /// <summary>Tasks that take whole columns of the grid.</summary>
    public static Blocks ByColumns(int rowTiles, int panels, double operations, int threads) =>
        new(rowTiles, panels, 1, Math.Min(panels, WantedTasks(operations, threads)));

    /// <summary>Eight tasks a thread even out differences in speed; long tasks reuse what is in the caches.</summary>
    private static int WantedTasks(double operations, int threads) =>
        threads == 1 ? 1 : (int)Math.Clamp(operations / MinTaskOperations, 1, 8.0 * threads);

    public int Tasks => RowBlocks * ColumnBlocks;

    /// <summary>Tiles from … to - 1 of row block <paramref name="block"/>.</summary>
    public (int From, int To) Rows(int block) => Share(RowTiles, RowBlocks, block);

    /// <summary>Panels from … to - 1 of column block <paramref name="block"/>.</summary>
    public (int From, int To) Columns(int block) => Share(Panels, ColumnBlocks, block);

    private static (int From, int To) Share(int items, int parts, int part) =>
        ((int)((long)items * part / parts), (int)((long)items * (part + 1) / parts));
}
