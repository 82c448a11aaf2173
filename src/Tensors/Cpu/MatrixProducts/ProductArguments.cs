namespace MergeEngine.Tensors.Cpu.MatrixProducts;

/// <summary>C[m, n] = epilogue(alpha·op(A)[m, k]·op(B)[k, n] + beta·C) (a backward epilogue spares beta·C); all row-major, strides in floats.</summary>
internal unsafe struct ProductArguments
{
    public bool TransposeA;
    public bool TransposeB;
    public int M;
    public int N;
    public int K;
    public float Alpha;
    public float* A;
    public nint StrideA;
    public float* B;
    public nint StrideB;
    public float Beta;
    public float* C;
    public nint StrideC;
    public Epilogue Epilogue;

    /// <summary>
    /// A transposed A is read in place while its rows are this close to each other; farther apart they fall into few sets of the caches and many
    /// pages, and are packed first.
    /// </summary>
    public const int MaxStrideInPlace = 768;

    /// <summary>True when tasks pack their rows of op(A).</summary>
    public readonly bool PacksA => TransposeA && StrideA > MaxStrideInPlace;

    /// <summary>
    /// With a backward epilogue and old values in C each block of k is multiplied by the derivative before it is added; without old values
    /// the whole sum is multiplied once.
    /// </summary>
    public readonly bool DerivativeInEveryBlock => Epilogue.IsBackward && Beta != 0f;

    /// <summary>Address of op(A)[row, p].</summary>
    public readonly float* AddressA(int row, int p) => TransposeA ? A + p * StrideA + row : A + row * StrideA + p;

    /// <summary>Address of op(B)[p, column].</summary>
    public readonly float* AddressB(int p, int column) => TransposeB ? B + column * StrideB + p : B + p * StrideB + column;
}
