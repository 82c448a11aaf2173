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

    public Matrix(DeviceSpan<float> data, int rows, int columns)
        : this(data, rows, columns, columns)
    {
    }

    public DeviceSpan<float> Data { get; }

    public int Rows { get; }

    public int Columns { get; }

    public int Stride { get; }

    /// <summary>True for <c>default</c>: an optional argument that was not given.</summary>
    public bool IsNone => Data.IsNone;

    public bool IsContiguous => Stride == Columns || Rows <= 1;

    /// <summary>Columns [start, start + count) of every row, over the same memory.</summary>
    public Matrix SliceColumns(int start, int count) =>
        new(Data.Slice(start, Rows == 0 ? 0 : (Rows - 1L) * Stride + count), Rows, count, Stride);

    /// <summary>Rows [start, start + count), over the same memory.</summary>
    public Matrix SliceRows(int start, int count) =>
        new(Data.Slice((long)start * Stride, count == 0 ? 0 : (count - 1L) * Stride + Columns), count, Columns, Stride);

    /// <summary>Every <paramref name="step"/>-th row from <paramref name="first"/> on, over the same memory: one token of every sample.</summary>
    public Matrix EveryRow(int first, int step)
    {
        int count = (Rows - first + step - 1) / step;
        return new(Data.Slice((long)first * Stride, (count - 1L) * step * Stride + Columns), count, Columns, checked(step * Stride));
    }
}
