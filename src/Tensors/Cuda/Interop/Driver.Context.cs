using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Cuda.Interop;

/// <content>Contexts. One is current on each thread; the primary one is shared with every other CUDA library of the process.</content>
internal static unsafe partial class Driver
{
    [LibraryImport(Library)]
    public static partial CudaStatus cuDevicePrimaryCtxRetain(ContextHandle* context, DeviceHandle device);

    [LibraryImport(Library)]
    public static partial CudaStatus cuDevicePrimaryCtxRelease_v2(DeviceHandle device);

    [LibraryImport(Library)]
    public static partial CudaStatus cuCtxSetCurrent(ContextHandle context);

    [LibraryImport(Library)]
    public static partial CudaStatus cuCtxGetCurrent(ContextHandle* context);

    [LibraryImport(Library)]
    public static partial CudaStatus cuCtxGetDevice(DeviceHandle* device);

    [LibraryImport(Library)]
    public static partial CudaStatus cuCtxPushCurrent_v2(ContextHandle context);

    [LibraryImport(Library)]
    public static partial CudaStatus cuCtxPopCurrent_v2(ContextHandle* context);

    [LibraryImport(Library)]
    public static partial CudaStatus cuCtxSynchronize();
}
