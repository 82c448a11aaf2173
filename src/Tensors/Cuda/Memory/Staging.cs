using System.Diagnostics;
using MergeEngine.Tensors.Cuda.Interop;

namespace MergeEngine.Tensors.Cuda.Memory;

/// <summary>
/// Two page-locked buffers between the host and a device. While the device copies from one, the host fills the other; an event tells when a
/// buffer may be filled again. They grow with what is asked for and live as long as their device. One thread at a time.
/// </summary>
internal sealed unsafe class Staging(CudaDevice device)
{
    /// <summary>Of each buffer, at most: enough to hide a copy behind the disk.</summary>
    public const int MostBytes = 32 << 20;

    private const int LeastBytes = 64 << 10, Alignment = 64;

    private readonly PinnedBuffer?[] _buffers = new PinnedBuffer?[2];
    private int _current;

    /// <summary>Page-locked bytes that are held.</summary>
    public long HeldBytes => (_buffers[0]?.Length ?? 0) + (_buffers[1]?.Length ?? 0);

    /// <summary>Memory to be filled and given to <see cref="Send"/>, at most <see cref="MostBytes"/>; waits where both buffers are still being copied.</summary>
    public byte* Reserve(int bytes)
    {
        Debug.Assert(bytes <= MostBytes);
        if (_buffers[_current] is not { } buffer || buffer.Used + bytes > buffer.Length)
        {
            _current ^= 1;
            buffer = Writable(_current, bytes);
        }

        return buffer.Memory + buffer.Used;
    }

    /// <summary>Copies what was reserved last, in the order of the stream; the caller holds the gate.</summary>
    public CudaStatus Send(nint destination, int bytes, StreamHandle stream)
    {
        PinnedBuffer buffer = _buffers[_current]!;
        CudaStatus status = Driver.cuMemcpyHtoDAsync_v2(destination, buffer.Memory + buffer.Used, (nuint)bytes, stream);
        if (status != CudaStatus.Success) return status;
        buffer.Used = (buffer.Used + bytes + Alignment - 1) & -Alignment;
        return buffer.Record(stream);
    }

    /// <summary>Starts to copy a piece to the host, into buffer 0 or 1; the caller holds the gate.</summary>
    public CudaStatus Fetch(int index, nint source, int bytes, StreamHandle stream)
    {
        PinnedBuffer buffer = Writable(index, bytes);
        // Nothing may be reserved beside it: a piece that nobody receives, because reading the one before threw, is still on its way.
        buffer.Used = buffer.Length;
        CudaStatus status = Driver.cuMemcpyDtoHAsync_v2(buffer.Memory, source, (nuint)bytes, stream);
        return status == CudaStatus.Success ? buffer.Record(stream) : status;
    }

    /// <summary>Waits for a piece that was fetched. It stays until the buffer is used again.</summary>
    public byte* Receive(int index)
    {
        PinnedBuffer buffer = _buffers[index]!;
        buffer.Wait();
        return buffer.Memory;
    }

    /// <summary>Gives the memory back; nothing may be in flight.</summary>
    public void Free()
    {
        foreach (PinnedBuffer? buffer in _buffers) buffer?.Free();
        _buffers.AsSpan().Clear();
    }

    private PinnedBuffer Writable(int index, int bytes)
    {
        if (_buffers[index] is { } buffer)
        {
            buffer.Wait();
            buffer.Used = 0;
            if (buffer.Length >= bytes) return buffer;
            _buffers[index] = null;
            buffer.Free();
        }

        // Powers of two, so that tensors of growing sizes do not each ask for memory of their own.
        int size = (int)Math.Min(MostBytes, System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(bytes, LeastBytes)));
        return _buffers[index] = new PinnedBuffer(device.Name, size);
    }
}
