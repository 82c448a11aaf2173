namespace MergeEngine.Tensors.Cuda.Memory;

/// <summary>Memory of a CUDA device, given back in the order of its stream.</summary>
internal sealed class CudaBuffer(CudaDevice device, nint address, long byteLength) : DeviceBuffer(device, address, byteLength)
{
    protected override void Free(nint address) => device.Free(address);
}
