using MergeEngine.Tensors.Cuda.Interop;

namespace MergeEngine.Tensors.Cuda.Products;

/// <summary>
/// One kind of product, prepared: descriptors, layouts, and the algorithm that cuBLASLt's heuristic put first. Made once; a call sets the
/// addresses of the epilogue and launches.
/// </summary>
/// <remarks>
/// cuBLASLt is column-major. A row-major matrix [r, c] is a column-major one [c, r] over the same memory, so Cᵀ = op(B)ᵀ·op(A)ᵀ is asked for:
/// B comes first, transposes stay as they are, and the bias, which belongs to the rows of Cᵀ, is one number a column of C.
/// </remarks>
internal sealed unsafe class ProductPlan : IDisposable
{
    private readonly string _device;
    private MatmulDescriptor _operation;
    private MatrixLayout _layoutA;
    private MatrixLayout _layoutB;
    private MatrixLayout _layoutC;
    private MatmulAlgorithm _algorithm;

    /// <param name="device">Name for messages.</param>
    /// <param name="library">cuBLASLt.</param>
    /// <param name="key">The product.</param>
    /// <param name="index">Number of the plan.</param>
    /// <param name="operands">Those of the first call: the heuristic wants to see that an epilogue has its pointers.</param>
    /// <param name="workspaceBytes">Working memory that the algorithm may take.</param>
    public ProductPlan(string device, CuBlasLtHandle library, in ProductKey key, int index, in ProductOperands operands, long workspaceBytes)
    {
        _device = device;
        Key = key;
        Index = index;
        try
        {
            Describe(key);
            SetEpilogue(operands);
            HasAlgorithm = Choose(library, key, workspaceBytes);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public ProductKey Key { get; }

    /// <summary>Number of the plan, never used again for another.</summary>
    public int Index { get; }

    /// <summary>False where cuBLASLt knows no way; cuBLAS itself then computes the product, without epilogue.</summary>
    public bool HasAlgorithm { get; private set; }

    /// <summary>The algorithm turned out not to work.</summary>
    public void GiveUp() => HasAlgorithm = false;

    /// <summary>Puts the product on the stream.</summary>
    public CuBlasStatus Launch(CuBlasLtHandle library, in ProductOperands operands, nint workspace, long workspaceBytes, StreamHandle stream)
    {
        SetEpilogue(operands);
        float alpha = operands.Alpha, beta = operands.Beta;
        fixed (MatmulAlgorithm* algorithm = &_algorithm)
        {
            return CuBlasLt.cublasLtMatmul(
                library, _operation, &alpha, operands.B, _layoutB, operands.A, _layoutA, &beta, operands.C, _layoutC, operands.C, _layoutC,
                algorithm, workspace, (nuint)workspaceBytes, stream);
        }
    }

    public void Dispose()
    {
        // What cannot be given back cannot be helped either.
        if (_layoutA != default) _ = CuBlasLt.cublasLtMatrixLayoutDestroy(_layoutA);
        if (_layoutB != default) _ = CuBlasLt.cublasLtMatrixLayoutDestroy(_layoutB);
        if (_layoutC != default) _ = CuBlasLt.cublasLtMatrixLayoutDestroy(_layoutC);
        if (_operation != default) _ = CuBlasLt.cublasLtMatmulDescDestroy(_operation);
        _layoutA = _layoutB = _layoutC = default;
        _operation = default;
    }

    private void Describe(in ProductKey key)
    {
        MatmulDescriptor operation;
        Check(CuBlasLt.cublasLtMatmulDescCreate(&operation, key.Compute, CudaDataType.Float32), "Describing a product");
        _operation = operation;
        Set(MatmulDescriptorAttribute.TransposeA, key.TransposeB ? CuBlasOperation.Transpose : CuBlasOperation.None);
        Set(MatmulDescriptorAttribute.TransposeB, key.TransposeA ? CuBlasOperation.Transpose : CuBlasOperation.None);
        Set(MatmulDescriptorAttribute.Epilogue, key.Epilogue);
        if ((key.Epilogue & ProductEpilogue.Auxiliary) != 0) Set(MatmulDescriptorAttribute.EpilogueAuxiliaryLeading, (long)key.StrideAuxiliary);
        _layoutA = Layout(key.Inputs, key.TransposeA ? key.Depth : key.Rows, key.TransposeA ? key.Rows : key.Depth, key.StrideA);
        _layoutB = Layout(key.Inputs, key.TransposeB ? key.Columns : key.Depth, key.TransposeB ? key.Depth : key.Columns, key.StrideB);
        _layoutC = Layout(CudaDataType.Float32, key.Rows, key.Columns, key.StrideC);
    }

    private void SetEpilogue(in ProductOperands operands)
    {
        if ((Key.Epilogue & ProductEpilogue.Bias) != 0) Set(MatmulDescriptorAttribute.BiasPointer, operands.Bias);
        if ((Key.Epilogue & ProductEpilogue.Auxiliary) != 0) Set(MatmulDescriptorAttribute.EpilogueAuxiliaryPointer, operands.Auxiliary);
    }

    private bool Choose(CuBlasLtHandle library, in ProductKey key, long workspaceBytes)
    {
        MatmulPreference preference;
        Check(CuBlasLt.cublasLtMatmulPreferenceCreate(&preference), "Describing what a product may use");
        try
        {
            Set(preference, MatmulPreferenceAttribute.MaxWorkspaceBytes, (ulong)workspaceBytes);
            Set(preference, MatmulPreferenceAttribute.MinAlignmentBytesA, (uint)key.AlignmentB);
            Set(preference, MatmulPreferenceAttribute.MinAlignmentBytesB, (uint)key.AlignmentA);
            Set(preference, MatmulPreferenceAttribute.MinAlignmentBytesC, (uint)key.AlignmentC);
            Set(preference, MatmulPreferenceAttribute.MinAlignmentBytesD, (uint)key.AlignmentC);
            MatmulHeuristic result;
            int found = 0;
            CuBlasStatus status = CuBlasLt.cublasLtMatmulAlgoGetHeuristic(
                library, _operation, _layoutB, _layoutA, _layoutC, _layoutC, preference, 1, &result, &found);
            if (status is CuBlasStatus.NotSupported or CuBlasStatus.InvalidValue || (status == CuBlasStatus.Success && found == 0)) return false;
            if (status != CuBlasStatus.Success) Check(status, $"Choosing an algorithm for the product {key}");
            _algorithm = result.Algorithm;
            return result.State == CuBlasStatus.Success;
        }
        finally
        {
            _ = CuBlasLt.cublasLtMatmulPreferenceDestroy(preference);
        }
    }

    /// <summary>A row-major [rows, columns] as cuBLASLt sees it.</summary>
    private MatrixLayout Layout(CudaDataType type, int rows, int columns, int stride)
    {
        MatrixLayout layout;
        Check(CuBlasLt.cublasLtMatrixLayoutCreate(&layout, type, (ulong)columns, (ulong)rows, stride), "Describing a matrix");
        return layout;
    }

    private void Set<T>(MatmulDescriptorAttribute attribute, T value)
        where T : unmanaged => Check(CuBlasLt.cublasLtMatmulDescSetAttribute(_operation, attribute, &value, (nuint)sizeof(T)), "Describing a product");

    private void Set<T>(MatmulPreference preference, MatmulPreferenceAttribute attribute, T value)
        where T : unmanaged => Check(CuBlasLt.cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, (nuint)sizeof(T)), "Describing what a product may use");

    private void Check(CuBlasStatus status, string doing)
    {
        if (status != CuBlasStatus.Success) status.Check($"{doing} on '{_device}'");
    }
}
