using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Cuda.Interop;

/// <summary>cuBLAS: column-major products.</summary>
internal static unsafe partial class CuBlas
{
    private const string Library = NativeLibraries.CuBlas;

    [LibraryImport(Library)]
    public static partial CuBlasStatus cublasCreate_v2(CuBlasHandle* handle);

    [LibraryImport(Library)]
    public static partial CuBlasStatus cublasDestroy_v2(CuBlasHandle handle);

    [LibraryImport(Library)]
    public static partial CuBlasStatus cublasSetStream_v2(CuBlasHandle handle, StreamHandle stream);

    [LibraryImport(Library)]
    public static partial CuBlasStatus cublasSetWorkspace_v2(CuBlasHandle handle, nint workspace, nuint bytes);

    [LibraryImport(Library)]
    public static partial CuBlasStatus cublasSetMathMode(CuBlasHandle handle, CuBlasMathMode mode);

    [LibraryImport(Library)]
    public static partial CuBlasStatus cublasGetVersion_v2(CuBlasHandle handle, int* version);

    [LibraryImport(Library)]
    public static partial CuBlasStatus cublasGemmEx(
        CuBlasHandle handle,
        CuBlasOperation operationA,
        CuBlasOperation operationB,
        int m,
        int n,
        int k,
        void* alpha,
        nint a,
        CudaDataType typeA,
        int leadingA,
        nint b,
        CudaDataType typeB,
        int leadingB,
        void* beta,
        nint c,
        CudaDataType typeC,
        int leadingC,
        CuBlasComputeType computeType,
        int algorithm);

    [LibraryImport(Library)]
    public static partial CuBlasStatus cublasGemmStridedBatchedEx(
        CuBlasHandle handle,
        CuBlasOperation operationA,
        CuBlasOperation operationB,
        int m,
        int n,
        int k,
        void* alpha,
        nint a,
        CudaDataType typeA,
        int leadingA,
        long strideA,
        nint b,
        CudaDataType typeB,
        int leadingB,
        long strideB,
        void* beta,
        nint c,
        CudaDataType typeC,
        int leadingC,
        long strideC,
        int batchCount,
        CuBlasComputeType computeType,
        int algorithm);
}

/// <summary>cublasStatus_t, shared by cuBLASLt.</summary>
internal enum CuBlasStatus
{
    Success = 0,
    NotInitialized = 1,
    AllocationFailed = 3,
    InvalidValue = 7,
    ArchitectureMismatch = 8,
    MappingError = 11,
    ExecutionFailed = 13,
    InternalError = 14,
    NotSupported = 15,
    LicenseError = 16,
}

/// <summary>cublasOperation_t.</summary>
internal enum CuBlasOperation
{
    None = 0,
    Transpose = 1,
}

/// <summary>cublasMath_t.</summary>
internal enum CuBlasMathMode
{
    Default = 0,
    Pedantic = 2,
    TF32 = 3,
}

/// <summary>cublasComputeType_t.</summary>
internal enum CuBlasComputeType
{
    Float32 = 68,
    Float32Pedantic = 69,
    Float32FastBF16 = 75,
    Float32FastTF32 = 77,
    Float64 = 70,
}

/// <summary>cudaDataType_t.</summary>
internal enum CudaDataType
{
    Float32 = 0,
    Float64 = 1,
    Float16 = 2,
    BFloat16 = 14,
}
