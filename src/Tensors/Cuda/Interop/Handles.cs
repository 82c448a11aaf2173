namespace MergeEngine.Tensors.Cuda.Interop;

/// <summary>CUdevice: the ordinal's handle.</summary>
internal readonly record struct DeviceHandle(int Value);

/// <summary>CUcontext.</summary>
internal readonly record struct ContextHandle(nint Value);

/// <summary>CUstream.</summary>
internal readonly record struct StreamHandle(nint Value);

/// <summary>CUevent.</summary>
internal readonly record struct EventHandle(nint Value);

/// <summary>CUmodule.</summary>
internal readonly record struct CudaModuleHandle(nint Value);

/// <summary>CUfunction.</summary>
internal readonly record struct FunctionHandle(nint Value);

/// <summary>CUgraph.</summary>
internal readonly record struct GraphHandle(nint Value);

/// <summary>CUgraphExec.</summary>
internal readonly record struct GraphExecHandle(nint Value);

/// <summary>cublasHandle_t.</summary>
internal readonly record struct CuBlasHandle(nint Value);

/// <summary>cublasLtHandle_t.</summary>
internal readonly record struct CuBlasLtHandle(nint Value);

/// <summary>cublasLtMatmulDesc_t.</summary>
internal readonly record struct MatmulDescriptor(nint Value);

/// <summary>cublasLtMatrixLayout_t.</summary>
internal readonly record struct MatrixLayout(nint Value);

/// <summary>cublasLtMatmulPreference_t.</summary>
internal readonly record struct MatmulPreference(nint Value);
