using MergeEngine.Tensors.Cuda.Interop;
using MergeEngine.Tensors.Cuda.Kernels;
using MergeEngine.Tensors.Cuda.Memory;
using MergeEngine.Tensors.Cuda.Products;

namespace MergeEngine.Tensors.Cuda;

/// <content>The one way to cuBLAS: precision, plans, products over no terms.</content>
/// <remarks>
/// <list type="bullet">
/// <item>Float32: operands as they are, CUBLAS_COMPUTE_32F; never TF32.</item>
/// <item>TF32: operands as they are, CUBLAS_COMPUTE_32F_FAST_TF32: the tensor cores look at 10 bits of the fraction.</item>
/// <item>BF16: both operands are rounded to bfloat16 in working memory, to nearest even (6 bytes an element); sums and results are float32.</item>
/// </list>
/// Per-sample products round to TF32 on the way to shared memory (to nearest), and take the same bfloat16 copies. Each product rounds both
/// operands: weights once a pass, dY once for each of the two backward products. Inside recorded work, where the gate is held from one operation to
/// the next and uploads are refused, nothing can change memory between two operations: there a copy that the operation just before left in the same
/// place is used again, such as dY of the weight's gradient for the input's, and the common input of a layer's parts.
/// </remarks>
internal sealed partial class CudaOperations
{
    private const int RoundedPack = 8;

    /// <summary>What the last product took, and when.</summary>
    private ProductInputs _rounded;
    private long _roundedAt = -1;

    private bool RoundsInputs => _device.Precision == Precision.BF16;

    /// <summary>
    /// C = epilogue(α·op(A)·op(B) + β·C) with operands as <see cref="BeginProduct"/> gave them; the caller holds the gate. Returns what was fused:
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

        bool keeps = (epilogue & ProductEpilogue.Auxiliary) != 0;
        var key = new ProductKey(
            c.Rows, c.Columns, depth, transposeA, transposeB, a.Stride, b.Stride, c.Stride,
            RoundsInputs ? CudaDataType.BFloat16 : CudaDataType.Float32,
            _device.Precision == Precision.TF32 ? CuBlasComputeType.Float32FastTF32 : CuBlasComputeType.Float32,
            epilogue, keeps ? auxiliary.Stride : 0,
            a.Alignment, b.Alignment, Math.Min(c.Alignment, ProductOperand.AlignmentOf(bias | (keeps ? auxiliary.Data.Address : 0))));
        var operands = new ProductOperands { A = a.Address, B = b.Address, C = c.Address, Bias = bias, Auxiliary = auxiliary.Data.Address, Alpha = alpha, Beta = beta };
        ProductPlan plan = _device.Products.Plan(key, operands);
        // At most twice: with the epilogue, without it, and by cuBLAS, which has no plan to give up.
        while (!_device.TryLaunch(plan, operands)) plan = _device.Products.Plan(key, operands);
        return plan.Key.Epilogue;
    }

    /// <summary>C = factor·C: what a product over no terms leaves.</summary>
    private void Scale(ProductOperand c, float factor)
    {
        if (factor == 1) return;
        var arguments = new ScaleMatrixArguments { Matrix = c.Address, Stride = c.Stride, Rows = c.Rows, Columns = c.Columns, Factor = factor };
        Launch(LinearKernels.ScaleMatrix, Grid.Over((long)c.Rows * c.Columns, LinearKernels.ScaleMatrix.Threads), arguments);
    }

    /// <summary>
    /// Both matrices as products of this device's precision take them, and more working memory beside them; the caller holds the gate, and
    /// says <see cref="EndProduct"/> when its launches are made.
    /// </summary>
    private ProductInputs BeginProduct(Matrix a, Matrix b, long moreBytes = 0)
    {
        // Only where nothing was given to the device since, and nothing could be that it does not see.
        bool lasts = _device.IsRecording && _device.Entries == _roundedAt;
        ProductInputs before = lasts ? _rounded : default;
        var layout = default(ScratchLayout);
        long atA = layout.Take(RoundedBytes(a)), atB = layout.Take(RoundedBytes(b)), atMore = layout.Take(moreBytes);
        nint scratch = layout.Bytes == 0 ? 0 : Scratch(layout.Bytes);
        ProductOperand sourceA = new(a), sourceB = new(b);
        return new ProductInputs(
            sourceA, sourceB, Rounded(sourceA, scratch + (nint)atA, before.SourceA, before.A), Rounded(sourceB, scratch + (nint)atB, before.SourceB, before.B),
            scratch + (nint)atMore);
    }

    private void EndProduct(in ProductInputs inputs)
    {
        _rounded = inputs;
        _roundedAt = _device.Entries;
    }

    /// <summary>The matrix itself, or its bfloat16 copy at an address; the copy is made unless it is there already.</summary>
    private ProductOperand Rounded(ProductOperand source, nint address, ProductOperand knownSource, ProductOperand known)
    {
        if (!RoundsInputs || source.Rows == 0 || source.Columns == 0) return source;
        ProductOperand copy = source with { Address = address, Stride = RoundedStride(source.Columns) };
        if (source == knownSource && copy == known) return copy;
        var arguments = new RoundInputsArguments
        {
            Output = copy.Address,
            Values = source.Address,
            Stride = source.Stride,
            OutputStride = copy.Stride,
            Rows = source.Rows,
            Columns = source.Columns,
            Packed = source.IsPacked ? 1 : 0,
        };
        Launch(LinearKernels.RoundInputsBF16, Grid.Over((long)copy.Rows * (copy.Stride / RoundedPack), LinearKernels.RoundInputsBF16.Threads), arguments);
        return copy;
    }

    private long RoundedBytes(Matrix matrix) => RoundsInputs ? (long)matrix.Rows * RoundedStride(matrix.Columns) * sizeof(ushort) : 0;

    private static int RoundedStride(int columns) => (columns + RoundedPack - 1) & ~(RoundedPack - 1);
}
