using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace MergeEngine.Tensors;

/// <summary>
/// A typed window of a <see cref="DeviceBuffer"/>: what every operation takes. It owns nothing; <c>default</c> means "not given".
/// </summary>
/// <typeparam name="T">Element type: float, double, int, byte.</typeparam>
public readonly struct DeviceSpan<T>
    where T : unmanaged
{
    private readonly DeviceBuffer? _buffer;
    private readonly long _byteOffset;

    internal DeviceSpan(DeviceBuffer buffer, long byteOffset, long length)
    {
        _buffer = buffer;
        _byteOffset = byteOffset;
        Length = length;
    }

    /// <summary>Number of elements.</summary>
    public long Length { get; }

    /// <summary>True for <c>default</c>: an optional argument that was not given.</summary>
    public bool IsNone => _buffer is null;

    /// <summary>The buffer that it is a window of.</summary>
    /// <exception cref="InvalidOperationException">The span is <c>default</c>.</exception>
    public DeviceBuffer Buffer => _buffer ?? throw new InvalidOperationException("The device span is empty: it belongs to no buffer.");

    /// <summary>Address of the first element in the device's memory; 0 for <c>default</c>.</summary>
    public nint Address => _buffer is null ? 0 : _buffer.Address + (nint)_byteOffset;

    /// <summary>Elements [start, start + length).</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the span.</exception>
    public DeviceSpan<T> Slice(long start, long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        if (start > Length - length)
            throw new ArgumentOutOfRangeException(nameof(length), $"The range [{start}, {start + length}) leaves a span of {Length} elements.");
        return new DeviceSpan<T>(Buffer, _byteOffset + start * Unsafe.SizeOf<T>(), length);
    }

    /// <summary>Elements from <paramref name="start"/> on.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The start lies outside of the span.</exception>
    public DeviceSpan<T> Slice(long start) => Slice(start, Length - start);

    /// <summary>The same memory as bytes; <c>default</c> for <c>default</c>.</summary>
    public DeviceSpan<byte> AsBytes() => _buffer is null ? default : new(_buffer, _byteOffset, Length * Unsafe.SizeOf<T>());

    /// <summary>The elements themselves, for devices whose memory is the host's.</summary>
    /// <exception cref="InvalidOperationException">The memory is not the host's, or holds more than 2^31 − 1 elements.</exception>
    public unsafe Span<T> HostSpan
    {
        get
        {
            if (_buffer is null) return default;
            if (!_buffer.Device.IsHostMemory) throw new InvalidOperationException($"Memory of device '{_buffer.Device.Name}' cannot be read from the host: use Download.");
            if (Length > int.MaxValue) throw new InvalidOperationException($"A span of {Length} elements is too long for Span<T>: slice it.");
            return MemoryMarshal.CreateSpan(ref Unsafe.AsRef<T>((void*)Address), (int)Length);
        }
    }

    internal unsafe T* Pointer => (T*)Address;
}
