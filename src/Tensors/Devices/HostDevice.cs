using System.Runtime.CompilerServices;

namespace MergeEngine.Tensors;

/// <summary>A device whose memory is the host's: buffers are aligned native memory, copies are plain copies.</summary>
public abstract class HostDevice : Device
{
    /// <summary>One cache line, and one 512-bit vector.</summary>
    public const int Alignment = 64;

    /// <summary>Of copies in pieces: the host needs none, but callers check for cancellation between them.</summary>
    private const int PieceBytes = 32 << 20;

    /// <summary>From here on it is asked first whether the host has so much.</summary>
    private const long LargeBuffer = 1 << 30;

    public override bool IsHostMemory => true;

    public override void Upload<T>(ReadOnlySpan<T> source, DeviceSpan<T> destination) => source.CopyTo(Part(destination, source.Length));

    public override void Download<T>(DeviceSpan<T> source, Span<T> destination) => Part(source, destination.Length).CopyTo(destination);

    public override void Upload<T, TState>(DeviceSpan<T> destination, TState state, FillPiece<T, TState> fill)
    {
        int most = PieceBytes / Unsafe.SizeOf<T>();
        for (long first = 0; first < destination.Length; first += most)
            fill(destination.Slice(first, Math.Min(most, destination.Length - first)).HostSpan, first, state);
    }

    public override void Download<T, TState>(DeviceSpan<T> source, TState state, ReadPiece<T, TState> read)
    {
        int most = PieceBytes / Unsafe.SizeOf<T>();
        for (long first = 0; first < source.Length; first += most)
            read(source.Slice(first, Math.Min(most, source.Length - first)).HostSpan, first, state);
    }

    public override void Synchronize()
    {
    }

    /// <summary>The first elements of a span that may itself be too long for <see cref="Span{T}"/>.</summary>
    private static Span<T> Part<T>(DeviceSpan<T> span, int length)
        where T : unmanaged
    {
        if (span.Length < length) throw new ArgumentException($"{length} elements do not fit a device span of {span.Length}.", nameof(span));
        return length == 0 ? default : span.Slice(0, length).HostSpan;
    }

    /// <summary>Refuses what the host would hand out and then end this process for.</summary>
    /// <param name="bytes">All that will be held beside what is held already.</param>
    /// <param name="purpose">Says what it is for.</param>
    /// <exception cref="InsufficientMemoryException">There is not so much.</exception>
    internal void RequireAvailable(long bytes, string purpose)
    {
        long available = HostMemory.Available();
        if (bytes > available)
            throw new InsufficientMemoryException($"The host could not give {Bytes.Describe(bytes)} for {purpose}: {Bytes.Describe(available)} are available; this device has {Bytes.Describe(AllocatedBytes)} in buffers.");
    }

    protected override DeviceBuffer AllocateCore(long bytes)
    {
        if (bytes >= LargeBuffer) RequireAvailable(bytes, $"a buffer of '{Name}'");
        nint memory = HostMemory.Allocate(bytes, Alignment);
        if (memory == 0)
            throw new InsufficientMemoryException($"The host could not give {Bytes.Describe(bytes)} for a buffer of '{Name}'; this device has {Bytes.Describe(AllocatedBytes)} in buffers.");
        return new HostBuffer(this, memory, bytes);
    }

    private sealed class HostBuffer(Device device, nint address, long byteLength) : DeviceBuffer(device, address, byteLength)
    {
        protected override void Free(nint address) => HostMemory.Free(address, ByteLength);
    }
}
