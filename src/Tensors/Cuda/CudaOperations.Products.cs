using MergeEngine.Tensors.Cuda.Interop;
using MergeEngine.Tensors.Cuda.Kernels;
using MergeEngine.Tensors.Cuda.Products;

namespace MergeEngine.Tensors.Cuda;

/// <content>The one way to cuBLAS: precision, plans, products over no terms.</content>
/// <remarks>
/// <list type="bullet">
/// <item>Float32: operands as they are, CUBLAS_COMPUTE_32F; never TF32.</item>
/// <item>TF32: operands as they are, CUBLAS_COMPUTE_32F_FAST_TF32: the tensor cores look at 10 bits of the fraction.</item>
/// <item>BF16: both operands are rounded to bfloat16 in working memory, to nearest even, once for each product that takes them (6 bytes an
/// element, half of what reading them as float32 would cost a product twice); sums and results are float32. Per-sample products round on the way
/// to shared memory instead, and write no copy.</item>
/// </list>
/// </remarks>
internal sealed partial class CudaOperations
{
    private const int RoundedPack = 8;

    private bool RoundsInputs => _device.Precision == Precision.BF16;

    /// <summary>
    /// C = epilogue(α·op(A)·op(B) + β·C) with operands as <see cref="Rounded"/> gave them; the caller holds the gate. Returns what was fused:
    /// the epilogue that was asked for, or none.
    /// </summary>
    private ProductEpilogue Multiply(
        ProductOperand c, ProductOperand a, ProductOperand b, bool transposeA, bool transposeB, float alpha, float beta,
        ProductEpilogue epilogue = ProductEpilogue.None, nint bias = 0, Matrix auxiliary = default)
    {
        int depth = transposeA ? a.Rows : a.Columns;
        if (depth == 0)
        {
            Scale(c, beta);
            return ProductEpilogue.None;
        }

        var key = new ProductKey(
            c.Rows, c.Columns, depth, transposeA, transposeB, a.Stride, b.Stride, c.Stride,
            RoundsInputs ? CudaDataType.BFloat16 : CudaDataType.Float32,
            _device.Precision == Precision.TF32 ? CuBlasComputeType.Float32FastTF32 : CuBlasComputeType.Float32,
            epilogue, (epilogue & ProductEpilogue.Auxiliary) != 0 ? auxiliary.Stride : 0,
            a.Alignment, b.Alignment, Math.Min(c.Alignment, ProductOperand.AlignmentOf(bias)));
        var operands = new ProductOperands { A = a.Address, B = b.Address, C = c.Address, Bias = bias, Auxiliary = auxiliary.Data.Address, Alpha = alpha, Beta = beta };
        ProductPlan plan = _device.Products.Plan(key, operands);
        _device.Launch(plan, operands);
        return plan.Key.Epilogue;
    }

    /// <summary>C = factor·C: what a product over no terms leaves.</summary>
    private void Scale(ProductOperand c, float factor)
    {
        if (factor == 1) return;
        var arguments = new ScaleMatrixArguments { Matrix = c.Address, Stride = c.Stride, Rows = c.Rows, Columns = c.Columns, Factor = factor };
        Launch(LinearKernels.ScaleMatrix, Grid.Over((long)c.Rows * c.Columns, LinearKernels.ScaleMatrix.Threads), arguments);
    }

    /// <summary>Working memory that <see cref="Rounded"/> needs for a matrix.</summary>
    private long RoundedBytes(Matrix matrix) => RoundsInputs ? (long)matrix.Rows * RoundedStride(matrix) * sizeof(ushort) : 0;

    /// <summary>The matrix as products of this device's precision take it: itself, or its bfloat16 copy in working memory.</summary>
    private ProductOperand Rounded(Matrix matrix, nint scratch, long offset)
    {
        if (!RoundsInputs || matrix.Rows == 0 || matrix.Columns == 0) return new(matrix);
        int stride = RoundedStride(matrix);
        var arguments = new RoundInputsArguments
        {
            Output = scratch + (nint)offset,
            Values = matrix.Data.Address,
            Stride = matrix.Stride,
            OutputStride = stride,
            Rows = matrix.Rows,
            Columns = matrix.Columns,
            Packed = Packed(IsPacked(matrix)),
        };
        Launch(LinearKernels.RoundInputsBF16, Grid.Over((long)matrix.Rows * (stride / RoundedPack), LinearKernels.RoundInputsBF16.Threads), arguments);
        return new(arguments.Output, matrix.Rows, matrix.Columns, stride);
    }

    private nint ScratchOf(in ScratchLayout layout) => layout.Bytes == 0 ? 0 : Scratch(layout.Bytes);

    private static int RoundedStride(Matrix matrix) => (matrix.Columns + RoundedPack - 1) & ~(RoundedPack - 1);

    /// <summary>Whether every row starts at a multiple of 16 bytes; so does a matrix that is not there.</summary>
    private static bool IsPacked(Matrix matrix) => matrix.Data.Address % 16 == 0 && (matrix.Stride % 4 == 0 || matrix.Rows <= 1);

    private static int Packed(bool packed) => packed ? 1 : 0;
}
