using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Cuda.Interop;

/// <summary>Status codes as sentences. Checks that pass allocate nothing.</summary>
internal static unsafe class CudaErrors
{
    /// <param name="status">What the driver returned.</param>
    /// <param name="doing">What was being done, as the start of a sentence: "Waiting for cuda:0".</param>
    public static void Check(this CudaStatus status, string doing)
    {
        if (status != CudaStatus.Success) Throw(status, doing);
    }

    /// <inheritdoc cref="Check(CudaStatus, string)"/>
    public static void Check(this CuBlasStatus status, string doing)
    {
        if (status != CuBlasStatus.Success) Throw(status, doing);
    }

    [DoesNotReturn]
    public static void Throw(CudaStatus status, string doing) =>
        throw new CudaException($"{doing} failed: {Describe(status)}{(Emulator.TakeFault() is { Length: > 0 } fault ? $" {fault}" : Advice(status))}", (int)status);

    /// <summary>Whether the context is lost with all that is in it.</summary>
    public static bool IsFatal(CudaStatus status) => status is CudaStatus.IllegalAddress or CudaStatus.LaunchTimeout or CudaStatus.Assert
        or CudaStatus.HardwareStackError or CudaStatus.IllegalInstruction or CudaStatus.MisalignedAddress or CudaStatus.InvalidAddressSpace
        or CudaStatus.InvalidProgramCounter or CudaStatus.LaunchFailed or CudaStatus.ContextIsDestroyed;

    [DoesNotReturn]
    private static void Throw(CuBlasStatus status, string doing) =>
        throw new CudaException($"{doing} failed: {Name(status)} ({(int)status}): {Meaning(status)}.{Emulator.Addition()}", (int)status);

    /// <summary>Name, number and the driver's own words: "CUDA_ERROR_INVALID_VALUE (1): invalid argument."</summary>
    public static string Describe(CudaStatus status)
    {
        byte* name = null, text = null;
        if (Driver.cuGetErrorName(status, &name) != CudaStatus.Success || name is null) return $"status {(int)status}, which this driver does not know.";
        return Driver.cuGetErrorString(status, &text) == CudaStatus.Success && text is not null
            ? $"{Utf8(name)} ({(int)status}): {Utf8(text)}."
            : $"{Utf8(name)} ({(int)status}).";
    }

    private static string Utf8(byte* text) => Marshal.PtrToStringUTF8((nint)text) ?? "";

    private static string Advice(CudaStatus status) => status switch
    {
        CudaStatus.NoDevice => " There is no NVIDIA GPU that this process may use: see nvidia-smi and CUDA_VISIBLE_DEVICES.",
        CudaStatus.StubLibrary => " The library that was found is the toolkit's stub for linking; put the driver's libcuda.so.1 before it in the search path.",
        CudaStatus.DeviceUnavailable => " Another process has the GPU for itself, or its compute mode forbids more than one.",
        CudaStatus.SystemDriverMismatch => " The driver's library and its kernel module differ in version: reboot, or use the host's library in the container.",
        CudaStatus.NoBinaryForGpu => " The kernels are built for compute capability 8.0 and newer.",
        _ when IsFatal(status) => " An earlier kernel may be the cause. What is on the device is lost: dispose it and open it again, in a new process if that fails too.",
        _ => "",
    };

    private static string Name(CuBlasStatus status) => status switch
    {
        CuBlasStatus.NotInitialized => "CUBLAS_STATUS_NOT_INITIALIZED",
        CuBlasStatus.AllocationFailed => "CUBLAS_STATUS_ALLOC_FAILED",
        CuBlasStatus.InvalidValue => "CUBLAS_STATUS_INVALID_VALUE",
        CuBlasStatus.ArchitectureMismatch => "CUBLAS_STATUS_ARCH_MISMATCH",
        CuBlasStatus.MappingError => "CUBLAS_STATUS_MAPPING_ERROR",
        CuBlasStatus.ExecutionFailed => "CUBLAS_STATUS_EXECUTION_FAILED",
        CuBlasStatus.InternalError => "CUBLAS_STATUS_INTERNAL_ERROR",
        CuBlasStatus.NotSupported => "CUBLAS_STATUS_NOT_SUPPORTED",
        CuBlasStatus.LicenseError => "CUBLAS_STATUS_LICENSE_ERROR",
        _ => "cuBLAS status",
    };

    private static string Meaning(CuBlasStatus status) => status switch
    {
        CuBlasStatus.NotInitialized => "the library could not start, usually for want of device memory or a usable driver",
        CuBlasStatus.AllocationFailed => "the library could not allocate its own memory",
        CuBlasStatus.InvalidValue => "a size, a stride or a pointer is not valid",
        CuBlasStatus.ArchitectureMismatch => "the GPU is too old for this product",
        CuBlasStatus.MappingError => "memory could not be reached by the GPU",
        CuBlasStatus.ExecutionFailed => "the product could not be launched or did not finish",
        CuBlasStatus.NotSupported => "the library has no kernel for these types, sizes and alignments",
        CuBlasStatus.LicenseError => "the library refused its licence",
        _ => "an error inside the library",
    };
}
