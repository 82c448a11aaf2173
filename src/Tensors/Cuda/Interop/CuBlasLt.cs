using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Cuda.Interop;

/// <summary>cuBLASLt: products with epilogues, and plans that are chosen once.</summary>
internal static unsafe partial class CuBlasLt
{
    private const string Library = NativeLibraries.CuBlasLt;

    [LibraryImport(Library)]
    public static partial CuBlasStatus cublasLtCreate(CuBlasLtHandle* handle);

    [LibraryImport(Library)]
    public static partial CuBlasStatus cublasLtDestroy(CuBlasLtHandle handle);

    [LibraryImport(Library)]
    public static partial CuBlasStatus cublasLtMatmulDescCreate(MatmulDescriptor* descriptor, CuBlasComputeType computeType, CudaDataType scaleType);

    [LibraryImport(Library)]
    public static partial CuBlasStatus cublasLtMatmulDescDestroy(MatmulDescriptor descriptor);

    [LibraryImport(Library)]
    public static partial CuBlasStatus cublasLtMatmulDescSetAttribute(MatmulDescriptor descriptor, MatmulDescriptorAttribute attribute, void* value, nuint bytes);

    [LibraryImport(Library)]
    public static partial CuBlasStatus cublasLtMatrixLayoutCreate(MatrixLayout* layout, CudaDataType type, ulong rows, ulong columns, long leading);

    [LibraryImport(Library)]
    public static partial CuBlasStatus cublasLtMatrixLayoutDestroy(MatrixLayout layout);

    [LibraryImport(Library)]
    public static partial CuBlasStatus cublasLtMatrixLayoutSetAttribute(MatrixLayout layout, MatrixLayoutAttribute attribute, void* value, nuint bytes);

    [LibraryImport(Library)]
    public static partial CuBlasStatus cublasLtMatmulPreferenceCreate(MatmulPreference* preference);

    [LibraryImport(Library)]
    public static partial CuBlasStatus cublasLtMatmulPreferenceDestroy(MatmulPreference preference);

    [LibraryImport(Library)]
    public static partial CuBlasStatus cublasLtMatmulPreferenceSetAttribute(MatmulPreference preference, MatmulPreferenceAttribute attribute, void* value, nuint bytes);

    [LibraryImport(Library)]
    public static partial CuBlasStatus cublasLtMatmulAlgoGetHeuristic(
        CuBlasLtHandle handle,
        MatmulDescriptor operation,
        MatrixLayout a,
        MatrixLayout b,
        MatrixLayout c,
        MatrixLayout d,
        MatmulPreference preference,
        int requested,
        MatmulHeuristic* results,
        int* found);

    [LibraryImport(Library)]
    public static partial CuBlasStatus cublasLtMatmul(
        CuBlasLtHandle handle,
        MatmulDescriptor operation,
        void* alpha,
        nint a,
        MatrixLayout layoutA,
        nint b,
        MatrixLayout layoutB,
        void* beta,
        nint c,
        MatrixLayout layoutC,
        nint d,
        MatrixLayout layoutD,
        MatmulAlgorithm* algorithm,
        nint workspace,
        nuint workspaceBytes,
        StreamHandle stream);
}

/// <summary>cublasLtMatmulDescAttributes_t.</summary>
internal enum MatmulDescriptorAttribute
{
    TransposeA = 3,
    TransposeB = 4,
    Epilogue = 7,
    BiasPointer = 8,
    EpilogueAuxiliaryPointer = 11,
    EpilogueAuxiliaryLeading = 12,
    BiasDataType = 26,
}

/// <summary>cublasLtMatrixLayoutAttribute_t.</summary>
internal enum MatrixLayoutAttribute
{
    BatchCount = 5,
    StridedBatchOffset = 6,
}

/// <summary>cublasLtMatmulPreferenceAttributes_t.</summary>
internal enum MatmulPreferenceAttribute
{
    MaxWorkspaceBytes = 1,
    MinAlignmentBytesA = 5,
    MinAlignmentBytesB = 6,
    MinAlignmentBytesC = 7,
    MinAlignmentBytesD = 8,
}

/// <summary>cublasLtMatmulAlgo_t: opaque.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct MatmulAlgorithm
{
    public fixed ulong Data[8];
}

/// <summary>cublasLtMatmulHeuristicResult_t.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct MatmulHeuristic
{
    public MatmulAlgorithm Algorithm;
    public nuint WorkspaceBytes;
    public CuBlasStatus State;
    public float WavesCount;
    public fixed int Reserved[4];
}
