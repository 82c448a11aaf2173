namespace MergeEngine.Tensors.LinearAlgebra;

/// <summary>A row-major float64 matrix in host memory that somebody else owns.</summary>
internal readonly unsafe struct DoubleMatrix(double* data, int rows, int columns, int stride)
{
    public readonly double* Data = data;
    public readonly int Rows = rows;
    public readonly int Columns = columns;

    /// <summary>Elements from one row to the next.</summary>
    public readonly int Stride = stride;

    public DoubleMatrix(double* data, int rows, int columns)
        : this(data, rows, columns, columns)
    {
    }

    public double* this[int row] => Data + ((long)row * Stride);

    public Span<double> Row(int row) => new(this[row], Columns);

    public DoubleMatrix Slice(int row, int column, int rows, int columns) => new(this[row] + column, rows, columns, Stride);

    public void Clear()
    {
        for (int i = 0; i < Rows; i++) Row(i).Clear();
    }
}
