using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Cuda.Interop;

/// <content>Memory of the device and page-locked memory of the host. Device addresses are 64 bits wide, as <see langword="nint"/>.</content>
internal static unsafe partial class Driver
{
    [LibraryImport(Library)]
    public static partial CudaStatus cuMemAlloc_v2(nint* address, nuint bytes);

    [LibraryImport(Library)]
    public static partial CudaStatus cuMemFree_v2(nint address);

    [LibraryImport(Library)]
    public static partial CudaStatus cuMemAllocAsync(nint* address, nuint bytes, StreamHandle stream);

    [LibraryImport(Library)]
    public static partial CudaStatus cuMemFreeAsync(nint address, StreamHandle stream);

    [LibraryImport(Library)]
    public static partial CudaStatus cuMemHostAlloc(void** memory, nuint bytes, uint flags);

    [LibraryImport(Library)]
    public static partial CudaStatus cuMemFreeHost(void* memory);

    [LibraryImport(Library)]
    public static partial CudaStatus cuMemHostRegister_v2(void* memory, nuint bytes, uint flags);

    [LibraryImport(Library)]
    public static partial CudaStatus cuMemHostUnregister(void* memory);

    [LibraryImport(Library)]
    public static partial CudaStatus cuMemcpyHtoDAsync_v2(nint destination, void* source, nuint bytes, StreamHandle stream);

    [LibraryImport(Library)]
    public static partial CudaStatus cuMemcpyDtoHAsync_v2(void* destination, nint source, nuint bytes, StreamHandle stream);

    [LibraryImport(Library)]
    public static partial CudaStatus cuMemcpyDtoDAsync_v2(nint destination, nint source, nuint bytes, StreamHandle stream);

    [LibraryImport(Library)]
    public static partial CudaStatus cuMemsetD8Async(nint destination, byte value, nuint count, StreamHandle stream);

    [LibraryImport(Library)]
    public static partial CudaStatus cuMemsetD32Async(nint destination, uint value, nuint count, StreamHandle stream);

    [LibraryImport(Library)]
    public static partial CudaStatus cuMemGetInfo_v2(nuint* free, nuint* total);
}
