namespace MergeEngine.Tensors.LinearAlgebra;

/// <summary>
/// The lower half of a symmetric band matrix while its band is chased away: row i holds columns i − 2·width … i (the band and the bulges that pass through it), then seven
/// numbers that belong to nobody, so that vectors of eight may run over the diagonal.
/// </summary>
internal readonly unsafe struct BandMatrix(double* memory, int rows, int width)
{
    public readonly int Rows = rows;

    /// <summary>Diagonals below the main one; a multiple of <see cref="ChaseStep.Group"/>.</summary>
    public readonly int Width = width;

    /// <summary>From an element to the one below it: rows lie as in a dense matrix, whose unused parts overlap.</summary>
    public readonly int Stride = (2 * width) + 7;

    /// <summary>float64 numbers of memory; all zeros at the start.</summary>
    public static long Room(int rows, int width) => (((2L * width) + 8) * rows) + (2 * width);

    /// <summary>The address of an element; its row goes on behind it.</summary>
    public double* At(int row, int column) => memory + (2 * Width) + ((long)row * Stride) + column;
}
