namespace MergeEngine.Tensors.Cuda.Memory;

/// <summary>Memory of a CUDA device, given back in the order of its stream.</summary>
internal sealed class CudaBuffer(CudaDevice device, nint address, long byteLength) : DeviceBuffer(device, address, byteLength)
{
    protected override void Free(nint address) => device.Free(address);
}

/// <summary>Memory that another library owns: a window on it, which gives nothing back.</summary>
internal sealed class ForeignBuffer(CudaDevice device, nint address, long byteLength) : DeviceBuffer(device, address, byteLength)
{
    private protected override long CountedBytes => 0;

    protected override void Free(nint address)
    {
    }
}
