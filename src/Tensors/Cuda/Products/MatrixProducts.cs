using MergeEngine.Tensors.Cuda.Interop;

namespace MergeEngine.Tensors.Cuda.Products;

/// <summary>
/// Matrix products of one device through cuBLASLt, or cuBLAS where that has no algorithm. Plans are kept, so a product that was computed before
/// costs one call of the library; the workspace is the device's for its whole life, so products can be captured in graphs.
/// </summary>
internal sealed unsafe class MatrixProducts : IDisposable
{
    /// <summary>What llm.c and NVIDIA's advice for Hopper take.</summary>
    public const long WorkspaceBytes = 32L << 20;

    /// <summary>Plans that are kept; a host with more shapes than that starts over.</summary>
    public const int MaxPlans = 4096;

    private const int DefaultAlgorithm = -1;

    private readonly Dictionary<ProductKey, ProductPlan> _plans = [];
    private readonly string _device;
    private readonly nint _workspace;
    private CuBlasLtHandle _light;
    private CuBlasHandle _full;
    private int _made;

    /// <param name="device">Name for messages.</param>
    /// <param name="workspace"><see cref="WorkspaceBytes"/> of device memory; stays the caller's.</param>
    /// <param name="stream">The stream that all products go to.</param>
    public MatrixProducts(string device, nint workspace, StreamHandle stream)
    {
        _device = device;
        _workspace = workspace;
        Stream = stream;
        try
        {
            CuBlasLtHandle light;
            CuBlasLt.cublasLtCreate(&light).Check($"Starting cuBLASLt on '{device}'");
            _light = light;
            CuBlasHandle full;
            CuBlas.cublasCreate_v2(&full).Check($"Starting cuBLAS on '{device}'");
            _full = full;
            CuBlas.cublasSetStream_v2(full, stream).Check($"Giving cuBLAS its stream on '{device}'");
            CuBlas.cublasSetWorkspace_v2(full, workspace, (nuint)WorkspaceBytes).Check($"Giving cuBLAS its workspace on '{device}'");
            CuBlas.cublasSetMathMode(full, CuBlasMathMode.Default).Check($"Setting cuBLAS to float32 on '{device}'");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public StreamHandle Stream { get; }

    /// <summary>Plans in the cache.</summary>
    public int PlanCount => _plans.Count;

    /// <summary>For tests: take cuBLAS as if cuBLASLt had no algorithm for anything.</summary>
    internal bool AvoidsLight { get; set; }

    /// <summary>
    /// The plan of a product. Where cuBLASLt cannot fuse the epilogue it is that of the same product without one, and the caller does the rest.
    /// </summary>
    public ProductPlan Plan(in ProductKey key, in ProductOperands operands)
    {
        if (!_plans.TryGetValue(key, out ProductPlan? plan)) plan = Make(key, operands);
        if ((plan.HasAlgorithm && !AvoidsLight) || key.Epilogue == ProductEpilogue.None) return plan;
        return Plan(key with { Epilogue = ProductEpilogue.None, StrideAuxiliary = 0 }, operands);
    }

    /// <summary>For tests: take cuBLASLt as if it answered "not supported" to these when they are launched.</summary>
    internal Predicate<ProductPlan>? Refuses { get; set; }

    /// <summary>Puts a planned product on the stream: C = epilogue(α·op(A)·op(B) + β·C); with β = 0 the old content of C is not read.</summary>
    /// <returns>False if cuBLASLt does not support what its own heuristic proposed: the plan has no algorithm then, and another is to be asked for.</returns>
    public bool TryLaunch(ProductPlan plan, in ProductOperands operands)
    {
        bool light = plan.HasAlgorithm && !AvoidsLight;
        CuBlasStatus status = !light ? LaunchFull(plan.Key, operands)
            : Refuses is { } refuses && refuses(plan) ? CuBlasStatus.NotSupported
            : plan.Launch(_light, operands, _workspace, WorkspaceBytes, Stream);
        if (status == CuBlasStatus.NotSupported && light)
        {
            plan.GiveUp();
            return false;
        }

        if (status != CuBlasStatus.Success) ThrowLaunch(status, plan.Key);
        return true;
    }

    public void Dispose()
    {
        foreach (ProductPlan plan in _plans.Values) plan.Dispose();
        _plans.Clear();
        if (_full != default) _ = CuBlas.cublasDestroy_v2(_full);
        if (_light != default) _ = CuBlasLt.cublasLtDestroy(_light);
        _full = default;
        _light = default;
    }

    private CuBlasStatus LaunchFull(in ProductKey key, in ProductOperands operands)
    {
        float alpha = operands.Alpha, beta = operands.Beta;
        return CuBlas.cublasGemmEx(
            _full, key.TransposeB ? CuBlasOperation.Transpose : CuBlasOperation.None, key.TransposeA ? CuBlasOperation.Transpose : CuBlasOperation.None,
            key.Columns, key.Rows, key.Depth, &alpha, operands.B, key.Inputs, key.StrideB, operands.A, key.Inputs, key.StrideA,
            &beta, operands.C, CudaDataType.Float32, key.StrideC, key.Compute, DefaultAlgorithm);
    }

    private ProductPlan Make(in ProductKey key, in ProductOperands operands)
    {
        if (_plans.Count >= MaxPlans)
        {
            foreach (ProductPlan old in _plans.Values) old.Dispose();
            _plans.Clear();
        }

        var plan = new ProductPlan(_device, _light, key, _made++, operands, WorkspaceBytes);
        _plans.Add(key, plan);
        return plan;
    }

    private void ThrowLaunch(CuBlasStatus status, in ProductKey key) => status.Check($"The product {key} on '{_device}'");
}
