using MergeEngine.Tensors;

namespace MergeEngine.Merging.Methods.Statistics;

/// <summary>Device memory of a plan that grows to the longest chunk and is used again for the others.</summary>
internal sealed class Scratch<T>(Device device) : IDisposable
    where T : unmanaged
{
    private DeviceBuffer? _buffer;

    /// <summary>The first <paramref name="length"/> elements; what they held before is lost when the memory grows.</summary>
    public DeviceSpan<T> Take(long length)
    {
        if (_buffer is null || _buffer.AsSpan<T>().Length < length)
        {
            _buffer?.Dispose();
            _buffer = null;
            _buffer = device.Allocate<T>(length);
        }

        return _buffer.AsSpan<T>().Slice(0, length);
    }

    public void Dispose()
    {
        _buffer?.Dispose();
        _buffer = null;
    }
}
