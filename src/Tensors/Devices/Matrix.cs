namespace MergeEngine.Tensors;

/// <summary>
/// A row-major float32 matrix in device memory with a row stride, so that a column range (say the queries inside a fused
/// query-key-value buffer) or one token of every sample is a matrix too.
/// </summary>
public readonly struct Matrix
{
    /// <param name="data">Holds at least (rows − 1)·stride + columns elements.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="columns">Number of columns.</param>
    /// <param name="stride">Elements from one row to the next, at least <paramref name="columns"/>.</param>
    /// <exception cref="ArgumentException">The data is too short, or the stride smaller than a row.</exception>
    public Matrix(DeviceSpan<float> data, int rows, int columns, int stride)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(columns);
        if (stride < columns) throw new ArgumentException($"A row of {columns} columns does not fit a stride of {stride}.", nameof(stride));
        long needed = rows == 0 ? 0 : (rows - 1L) * stride + columns;
        if (data.Length < needed)
            throw new ArgumentException($"A matrix of {rows} rows, {columns} columns and stride {stride} needs {needed} elements; the span has {data.Length}.", nameof(data));
        Data = data;
        Rows = rows;
        Columns = columns;
        Stride = stride;
    }

    /// <summary>A matrix whose rows follow each other without a gap.</summary>
    /// <param name="data">Holds at least rows·columns elements.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="columns">Number of columns.</param>
    public Matrix(DeviceSpan<float> data, int rows, int columns)
        : this(data, rows, columns, columns)
    {
    }

    /// <summary>The elements, from the first of the first row on.</summary>
    public DeviceSpan<float> Data { get; }

    /// <summary>Number of rows.</summary>
    public int Rows { get; }

    /// <summary>Number of columns.</summary>
    public int Columns { get; }

    /// <summary>Elements from one row to the next.</summary>
    public int Stride { get; }

    /// <summary>True for <c>default</c>: an optional argument that was not given.</summary>
    public bool IsNone => Data.IsNone;

    /// <summary>Whether the rows are one span without gaps.</summary>
    public bool IsContiguous => Stride == Columns || Rows <= 1;

    /// <summary>Columns [start, start + count) of every row, over the same memory.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the matrix.</exception>
    public Matrix SliceColumns(int start, int count)
    {
        CheckRange(start, count, Columns, "columns");
        return Rows == 0 ? new(Data.Slice(0, 0), 0, count, Stride) : new(Data.Slice(start, (Rows - 1L) * Stride + count), Rows, count, Stride);
    }

    /// <summary>Rows [start, start + count), over the same memory.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the matrix.</exception>
    public Matrix SliceRows(int start, int count)
    {
        CheckRange(start, count, Rows, "rows");
        return count == 0 ? new(Data.Slice(0, 0), 0, Columns, Stride) : new(Data.Slice((long)start * Stride, (count - 1L) * Stride + Columns), count, Columns, Stride);
    }

    /// <summary>Every <paramref name="step"/>-th row from <paramref name="first"/> on, over the same memory: one token of every sample.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The first row lies outside of the matrix, or the step is not positive.</exception>
    public Matrix EveryRow(int first, int step)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(step);
        CheckRange(first, 0, Rows, "rows");
        int stride = checked(step * Stride), count = (int)(((long)Rows - first + step - 1) / step);
        return count == 0 ? new(Data.Slice(0, 0), 0, Columns, stride) : new(Data.Slice((long)first * Stride, (count - 1L) * stride + Columns), count, Columns, stride);
    }

    private static void CheckRange(int start, int count, int limit, string what)
    {
        if (start < 0 || count < 0 || start > limit - count)
            throw new ArgumentOutOfRangeException(nameof(start), $"The range [{start}, {start + (long)count}) leaves a matrix of {limit} {what}.");
    }
}
