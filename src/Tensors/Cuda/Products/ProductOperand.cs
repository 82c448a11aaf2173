namespace MergeEngine.Tensors.Cuda.Products;

/// <summary>A matrix as cuBLAS gets it: float32 in place, or bfloat16 in working memory.</summary>
/// <param name="Address">First element.</param>
/// <param name="Rows">Rows.</param>
/// <param name="Columns">Columns.</param>
/// <param name="Stride">Elements from one row to the next.</param>
internal readonly record struct ProductOperand(nint Address, int Rows, int Columns, int Stride)
{
    private const int MaxAlignment = 256;

    public ProductOperand(Matrix matrix)
        : this(matrix.Data.Address, matrix.Rows, matrix.Columns, matrix.Stride)
    {
    }

    /// <summary>Bytes that the address is a multiple of; more than 256 make no difference.</summary>
    public short Alignment => AlignmentOf(Address);

    /// <summary>Whether every row of float32 starts at a multiple of 16 bytes.</summary>
    public bool IsPacked => Address % 16 == 0 && (Stride % 4 == 0 || Rows <= 1);

    public static short AlignmentOf(nint address) => (short)Math.Min(MaxAlignment, (address | MaxAlignment) & -(address | MaxAlignment));
}
