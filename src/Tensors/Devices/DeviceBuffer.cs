using System.Runtime.CompilerServices;

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
    private readonly nint _address;
    private int _disposed;

    protected DeviceBuffer(Device device, nint address, long byteLength)
    {
        Device = device;
        _address = address;
        ByteLength = byteLength;
    }

    /// <summary>Where the memory is.</summary>
    public Device Device { get; }

    /// <summary>Address in the device's own memory: a pointer on the CPU, a CUdeviceptr on a GPU.</summary>
    /// <exception cref="ObjectDisposedException">The memory has been given back.</exception>
    public nint Address => Volatile.Read(ref _disposed) == 0 ? _address : throw Gone();

    /// <summary>Bytes that were asked for.</summary>
    public long ByteLength { get; }

    /// <summary>The whole buffer as elements of <typeparamref name="T"/>.</summary>
    /// <exception cref="ArgumentException">Memory of another library that does not start where such an element may: a GPU takes no other address.</exception>
    public DeviceSpan<T> AsSpan<T>()
        where T : unmanaged
    {
        int size = Unsafe.SizeOf<T>(), alignment = size & -size;
        if (_address % alignment != 0)
            throw new ArgumentException($"The buffer on device '{Device.Name}' starts {_address % alignment} bytes behind a multiple of {alignment}, where no {typeof(T).Name} may.");
        return new DeviceSpan<T>(this, 0, ByteLength / size);
    }

    /// <summary>Gives the memory back, behind the work that was given to the device before; once, and also after the device.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        Free(_address);
        Device.OnFreed(CountedBytes);
        GC.SuppressFinalize(this);
    }

    /// <summary>Bytes of it that <see cref="Device.AllocatedBytes"/> counts.</summary>
    private protected virtual long CountedBytes => ByteLength;

    /// <summary>Gives the memory back; called once.</summary>
    protected abstract void Free(nint address);

    private ObjectDisposedException Gone() =>
        new(nameof(DeviceBuffer), $"The buffer of {Bytes.Describe(ByteLength)} on device '{Device.Name}' has been disposed.");
}
