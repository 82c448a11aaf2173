using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Cuda.Interop;

/// <summary>
/// The CUDA driver API, by exact export names. Names without a <c>_v2</c> that the C header redefines are older functions with 32-bit
/// pointers: they resolve, and destroy memory.
/// </summary>
internal static unsafe partial class Driver
{
    private const string Library = NativeLibraries.Driver;

    [LibraryImport(Library)]
    public static partial CudaStatus cuInit(uint flags);

    [LibraryImport(Library)]
    public static partial CudaStatus cuDriverGetVersion(int* version);

    [LibraryImport(Library)]
    public static partial CudaStatus cuDeviceGetCount(int* count);

    [LibraryImport(Library)]
    public static partial CudaStatus cuDeviceGet(DeviceHandle* device, int ordinal);

    [LibraryImport(Library)]
    public static partial CudaStatus cuDeviceGetName(byte* name, int length, DeviceHandle device);

    [LibraryImport(Library)]
    public static partial CudaStatus cuDeviceGetAttribute(int* value, DeviceAttribute attribute, DeviceHandle device);

    [LibraryImport(Library)]
    public static partial CudaStatus cuDeviceTotalMem_v2(nuint* bytes, DeviceHandle device);

    [LibraryImport(Library)]
    public static partial CudaStatus cuGetErrorName(CudaStatus status, byte** name);

    [LibraryImport(Library)]
    public static partial CudaStatus cuGetErrorString(CudaStatus status, byte** text);
}

/// <summary>CUdevice_attribute.</summary>
internal enum DeviceAttribute
{
    MultiprocessorCount = 16,
    ComputeCapabilityMajor = 75,
    ComputeCapabilityMinor = 76,
    MaxSharedMemoryPerBlockOptIn = 97,
    MemoryPoolsSupported = 115,
}
