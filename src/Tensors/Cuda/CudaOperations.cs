using MergeEngine.Tensors.Cuda.Kernels;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cuda;

/// <summary>The operation set on an NVIDIA GPU: kernels of <c>native/kernels.cu</c> and cuBLAS products, in order on the device's stream.</summary>
internal sealed partial class CudaOperations : OperationSet
{
    private readonly CudaDevice _device;

    public CudaOperations(CudaDevice device)
        : base(device) => _device = device;

    /// <summary>Puts a kernel on the device's stream; the caller holds the device's gate.</summary>
    private void Launch<TArguments>(Kernel<TArguments> kernel, Grid grid, in TArguments arguments, int sharedBytes = 0)
        where TArguments : unmanaged => _device.Launch(kernel, grid, arguments, sharedBytes);

    /// <summary>Device memory of at least that size, 256-byte aligned, that is the caller's until the next operation on this device.</summary>
    private nint Scratch(long bytes) => _device.Scratch(bytes);

    /// <summary>Whether an address, or each of several that are given as their bitwise or, can be read 16 bytes at a time.</summary>
    private static bool IsAligned(nint addresses) => (addresses & 15) == 0;
}
