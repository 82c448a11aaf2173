using MergeEngine.Tensors.Cuda.Interop;

namespace MergeEngine.Tensors.Cuda.Memory;

/// <summary>Page-locked memory of the host, which a GPU copies from and to by itself, and the event behind its last copy.</summary>
internal sealed unsafe class PinnedBuffer
{
    private readonly string _device;
    private readonly EventHandle _copied;
    private bool _pending;

    public PinnedBuffer(string device, int bytes)
    {
        _device = device;
        Length = bytes;
        void* memory;
        CudaStatus status = Driver.cuMemHostAlloc(&memory, (nuint)bytes, 0);
        if (status == CudaStatus.OutOfMemory)
            throw new InsufficientMemoryException($"The host could not lock {Bytes.Describe(bytes)} of memory for copies to and from '{device}'.{Emulator.Addition()}");
        if (status != CudaStatus.Success) CudaErrors.Throw(status, $"Locking {Bytes.Describe(bytes)} of host memory for '{device}'");
        Memory = (byte*)memory;
        EventHandle copied;
        status = Driver.cuEventCreate(&copied, Driver.EventDisableTiming);
        if (status != CudaStatus.Success)
        {
            _ = Driver.cuMemFreeHost(memory);
            CudaErrors.Throw(status, $"Creating an event on '{device}'");
        }

        _copied = copied;
    }

    public byte* Memory { get; }

    public int Length { get; }

    /// <summary>Bytes that copies have taken since the last wait.</summary>
    public int Used { get; set; }

    /// <summary>Marks the end of the last copy.</summary>
    public CudaStatus Record(StreamHandle stream)
    {
        CudaStatus status = Driver.cuEventRecord(_copied, stream);
        _pending |= status == CudaStatus.Success;
        return status;
    }

    /// <summary>Waits for the last copy.</summary>
    public void Wait()
    {
        if (!_pending) return;
        CudaStatus status = Driver.cuEventSynchronize(_copied);
        if (status != CudaStatus.Success) CudaErrors.Throw(status, $"Waiting for a copy on '{_device}'");
        _pending = false;
    }

    public void Free()
    {
        _ = Driver.cuEventDestroy_v2(_copied);
        _ = Driver.cuMemFreeHost(Memory);
    }
}
