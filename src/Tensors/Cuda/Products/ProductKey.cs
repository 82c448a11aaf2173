using MergeEngine.Tensors.Cuda.Interop;

namespace MergeEngine.Tensors.Cuda.Products;

/// <summary>
/// Everything that decides how a product is computed: C[m, n] = op(A)·op(B), row-major, with what the library does to a tile of C before it is
/// stored. Products with equal keys share one <see cref="ProductPlan"/>; addresses and scalars are given with each call.
/// </summary>
/// <param name="Rows">m.</param>
/// <param name="Columns">n.</param>
/// <param name="Depth">k, at least 1.</param>
/// <param name="TransposeA">A is stored [k, m].</param>
/// <param name="TransposeB">B is stored [n, k].</param>
/// <param name="StrideA">Elements from one stored row of A to the next.</param>
/// <param name="StrideB">The same of B.</param>
/// <param name="StrideC">The same of C.</param>
/// <param name="Inputs">Element type of A and B; C is float32.</param>
/// <param name="Compute">Float32 without TF32 unless it says so.</param>
/// <param name="Epilogue">What is fused.</param>
/// <param name="StrideAuxiliary">Elements from one row of the pre-activation to the next; 0 where the epilogue has none.</param>
/// <param name="AlignmentA">Bytes that A's address is a multiple of, at most 256.</param>
/// <param name="AlignmentB">The same of B.</param>
/// <param name="AlignmentC">The same of C, of the bias and of the pre-activation: cuBLASLt judges an algorithm by the addresses that it is shown.</param>
internal readonly record struct ProductKey(
    int Rows, int Columns, int Depth, bool TransposeA, bool TransposeB, int StrideA, int StrideB, int StrideC,
    CudaDataType Inputs, CuBlasComputeType Compute, ProductEpilogue Epilogue, int StrideAuxiliary,
    short AlignmentA, short AlignmentB, short AlignmentC)
{
    public override string ToString() =>
        $"[{Rows}, {Depth}]{(TransposeA ? "ᵀ" : "")} × [{Depth}, {Columns}]{(TransposeB ? "ᵀ" : "")} of {Inputs} with epilogue {Epilogue}";
}

/// <summary>cublasLtEpilogue_t: what is done to the product while it is in registers.</summary>
internal enum ProductEpilogue
{
    None = 1,
    Bias = 4,

    /// <summary>GELU in its tanh form.</summary>
    Gelu = 32,
    GeluBias = Gelu | Bias,

    /// <summary>GELU, and the pre-activation is stored.</summary>
    GeluAuxiliary = Gelu | Auxiliary,
    GeluAuxiliaryBias = GeluAuxiliary | Bias,

    /// <summary>The product times the derivative of GELU at a stored pre-activation.</summary>
    GeluDerivative = 64 | Auxiliary,

    /// <summary>Flag: a pre-activation is read or written.</summary>
    Auxiliary = 128,
}

/// <summary>What one call of a plan works on: addresses and scalars. Written into a log of launches as it lies in memory.</summary>
internal struct ProductOperands
{
    public nint A;
    public nint B;
    public nint C;
    public nint Bias;
    public nint Auxiliary;
    public float Alpha;
    public float Beta;
}
