namespace MergeEngine.Tensors;

/// <summary>
/// One allocation on a device: zeroed, at least 64-byte aligned, freed by <see cref="Dispose()"/> and by nothing else.
/// </summary>
/// <remarks>
/// There is no finalizer on purpose: a <see cref="DeviceSpan{T}"/> hands its raw address to kernels, and a buffer that the
/// garbage collector could free between two instructions would be a use after free. <see cref="Device.AllocatedBytes"/> counts
/// what is alive, and tests hold it to zero.
/// </remarks>
public abstract class DeviceBuffer : IDisposable
{
    private bool _disposed;

    protected DeviceBuffer(Device device, nint address, long byteLength)
    {
        Device = device;
        Address = address;
        ByteLength = byteLength;
    }

    public Device Device { get; }

    /// <summary>Address in the device's own memory: a pointer on the CPU, a CUdeviceptr on a GPU.</summary>
    public nint Address { get; private set; }

    public long ByteLength { get; }

    /// <summary>The whole buffer as elements of <typeparamref name="T"/>.</summary>
    public DeviceSpan<T> AsSpan<T>()
        where T : unmanaged => new(this, 0, ByteLength / System.Runtime.CompilerServices.Unsafe.SizeOf<T>());

    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        Free();
        Device.OnFreed(ByteLength);
        Address = 0;
        GC.SuppressFinalize(this);
    }

    protected abstract void Free();
}
