using MergeEngine.Tensors;

namespace MergeEngine.Models.Datasets;

/// <summary>Device memory that the host fills: written in place where the memory is the host's, through a staging array elsewhere.</summary>
internal sealed class DeviceArray<T>(Device device) : IDisposable
    where T : unmanaged
{
    private DeviceBuffer? _buffer;
    private T[] _staging = [];

    /// <summary>Host memory for <paramref name="length"/> elements, with whatever content.</summary>
    public Span<T> Stage(int length)
    {
        if (_buffer is null || _buffer.AsSpan<T>().Length < length)
        {
            _buffer?.Dispose();
            _buffer = null;
            _buffer = device.Allocate<T>(length);
        }

        if (device.IsHostMemory) return _buffer.AsSpan<T>().Slice(0, length).HostSpan;
        if (_staging.Length < length) _staging = new T[length];
        return _staging.AsSpan(0, length);
    }

    public void Upload(int length)
    {
        if (!device.IsHostMemory) device.Upload<T>(_staging.AsSpan(0, length), _buffer!.AsSpan<T>().Slice(0, length));
    }

    public DeviceSpan<T> Values(long length) => length == 0 ? default : _buffer!.AsSpan<T>().Slice(0, length);

    public void Dispose()
    {
        _buffer?.Dispose();
        _buffer = null;
    }
}
