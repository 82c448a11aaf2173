using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Cuda.Interop;

/// <summary>
/// The functions that each library must have. It is asked for them when it is loaded, so that another library, or one that is too old, is found
/// out there and not in the middle of the work.
/// </summary>
internal static class Exports
{
    private static readonly string[] s_driver =
    [
        "cuInit", "cuDriverGetVersion", "cuDeviceGetCount", "cuDeviceGet", "cuDeviceGetName", "cuDeviceGetAttribute", "cuDeviceTotalMem_v2",
        "cuGetErrorName", "cuGetErrorString",
        "cuDevicePrimaryCtxRetain", "cuDevicePrimaryCtxRelease_v2", "cuCtxSetCurrent", "cuCtxGetCurrent", "cuCtxGetDevice", "cuCtxPushCurrent_v2",
        "cuCtxPopCurrent_v2", "cuCtxSynchronize",
        "cuMemAlloc_v2", "cuMemFree_v2", "cuMemAllocAsync", "cuMemFreeAsync", "cuMemHostAlloc", "cuMemFreeHost", "cuMemHostRegister_v2",
        "cuMemHostUnregister", "cuMemcpyHtoDAsync_v2", "cuMemcpyDtoHAsync_v2", "cuMemcpyDtoDAsync_v2", "cuMemsetD8Async", "cuMemsetD32Async",
        "cuMemGetInfo_v2",
        "cuStreamCreate", "cuStreamDestroy_v2", "cuStreamSynchronize", "cuStreamQuery", "cuStreamGetCtx", "cuStreamWaitEvent", "cuEventCreate",
        "cuEventRecord", "cuEventQuery", "cuEventSynchronize", "cuEventElapsedTime", "cuEventDestroy_v2",
        "cuModuleLoadDataEx", "cuModuleUnload", "cuModuleGetFunction", "cuFuncSetAttribute", "cuFuncGetAttribute", "cuLaunchKernel",
        "cuOccupancyMaxActiveBlocksPerMultiprocessor",
        "cuStreamBeginCapture_v2", "cuStreamEndCapture", "cuGraphInstantiateWithFlags", "cuGraphLaunch", "cuGraphExecDestroy", "cuGraphDestroy",
    ];

    private static readonly string[] s_cuBlas =
    [
        "cublasCreate_v2", "cublasDestroy_v2", "cublasSetStream_v2", "cublasSetWorkspace_v2", "cublasSetMathMode", "cublasGetVersion_v2",
        "cublasGemmEx", "cublasGemmStridedBatchedEx",
    ];

    private static readonly string[] s_cuBlasLt =
    [
        "cublasLtCreate", "cublasLtDestroy", "cublasLtMatmulDescCreate", "cublasLtMatmulDescDestroy", "cublasLtMatmulDescSetAttribute",
        "cublasLtMatrixLayoutCreate", "cublasLtMatrixLayoutDestroy", "cublasLtMatrixLayoutSetAttribute", "cublasLtMatmulPreferenceCreate",
        "cublasLtMatmulPreferenceDestroy", "cublasLtMatmulPreferenceSetAttribute", "cublasLtMatmulAlgoGetHeuristic", "cublasLtMatmul",
    ];

    private static readonly string[] s_emulator =
    [
        "emulatorLastFault", "emulatorClearFaults",
    ];

    /// <summary>What the engine calls in a library of a platform.</summary>
    public static IReadOnlyList<string> Of(CudaPlatform platform, string library) => platform == CudaPlatform.Emulated
        ? [.. s_driver, .. s_cuBlas, .. s_cuBlasLt, .. s_emulator]
        : library switch
        {
            NativeLibraries.Driver => s_driver,
            NativeLibraries.CuBlas => s_cuBlas,
            _ => s_cuBlasLt,
        };

    /// <summary>The first of them that a loaded library does not have; null where it has all.</summary>
    public static string? Missing(nint handle, CudaPlatform platform, string library)
    {
        foreach (string name in Of(platform, library))
        {
            if (!NativeLibrary.TryGetExport(handle, name, out _)) return name;
        }

        return null;
    }
}
