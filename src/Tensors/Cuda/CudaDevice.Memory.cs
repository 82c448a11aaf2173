using MergeEngine.Tensors.Cuda.Interop;
using MergeEngine.Tensors.Cuda.Memory;

namespace MergeEngine.Tensors.Cuda;

/// <content>Memory.</content>
public sealed unsafe partial class CudaDevice
{
    private const long SmallestScratch = 1 << 20;

    /// <summary>Every scratch allocation; the last is the one in use. Graphs that were captured go on using the others.</summary>
    private readonly List<(nint Address, long Bytes)> _scratch = [];
    private readonly List<nint> _freeAfterCapture = [];
    private long _scratchBytes;

    /// <summary>
    /// Device memory of at least that size, 256-byte aligned, that is the caller's until the next operation on this device; the caller holds
    /// the gate. It grows by doubling and is never given back while the device lives, since captured graphs hold its addresses.
    /// </summary>
    internal nint Scratch(long bytes)
    {
        Enter();
        if (_scratch.Count > 0 && _scratch[^1].Bytes >= bytes) return _scratch[^1].Address;
        if (_capturing) throw new InvalidOperationException($"Working memory of {Bytes.Describe(bytes)} was not asked for before the graph was captured.");
        long size = Math.Max(bytes, _scratch.Count == 0 ? SmallestScratch : _scratch[^1].Bytes * 2);
        nint address = AllocateRaw(size, "working memory");
        _scratch.Add((address, size));
        _scratchBytes += size;
        return address;
    }

    /// <summary>Memory of another library as a buffer: disposing the buffer leaves the memory as it is.</summary>
    /// <param name="address">CUdeviceptr, valid in this device's context for as long as the buffer is used.</param>
    /// <param name="bytes">Length.</param>
    public DeviceBuffer Wrap(nint address, long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfZero(address);
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        return new ForeignBuffer(this, address, bytes);
    }

    /// <summary>Gives memory back behind the work that is on the stream; once the capture is over where one is under way.</summary>
    internal void Free(nint address)
    {
        lock (Gate)
        {
            if (_capturing)
            {
                _freeAfterCapture.Add(address);
                return;
            }

            // Nothing is thrown: buffers are disposed on the way out of other failures. A context that was destroyed or lost took its memory along, and
            // that has been reported by the call that found it; where a stream's owner has destroyed it, the free that waits for the device is left.
            if (!_context.TryMakeCurrent()) return;
            CudaStatus status = _disposed || !_context.HasMemoryPools ? CudaStatus.NotSupported : Driver.cuMemFreeAsync(address, _stream);
            if (status == CudaStatus.Success || CudaErrors.IsFatal(status)) return;
            _ = Driver.cuMemFree_v2(address);
            Emulator.TakeFault();
        }
    }

    protected override DeviceBuffer AllocateCore(long bytes)
    {
        lock (Gate)
        {
            Enter();
            if (_capturing) RequireNotRecording("An allocation");
            nint address = AllocateRaw(Math.Max(bytes, 1), "a buffer");
            CudaStatus status = bytes == 0 ? CudaStatus.Success : Driver.cuMemsetD8Async(address, 0, (nuint)bytes, _stream);
            if (status != CudaStatus.Success)
            {
                Free(address);
                CudaErrors.Throw(status, $"Clearing {Bytes.Describe(bytes)} on '{Name}'");
            }

            return new CudaBuffer(this, address, bytes);
        }
    }

    private nint AllocateRaw(long bytes, string purpose)
    {
        nint address;
        CudaStatus status = _context.HasMemoryPools ? Driver.cuMemAllocAsync(&address, (nuint)bytes, _stream) : Driver.cuMemAlloc_v2(&address, (nuint)bytes);
        if (status == CudaStatus.OutOfMemory) throw OutOfMemory(bytes, purpose);
        if (status != CudaStatus.Success) CudaErrors.Throw(status, $"Allocating {Bytes.Describe(bytes)} on '{Name}'");
        return address;
    }

    private InsufficientMemoryException OutOfMemory(long bytes, string purpose)
    {
        nuint free = 0, total = 0;
        string have = Driver.cuMemGetInfo_v2(&free, &total) == CudaStatus.Success
            ? $"{Bytes.Describe((long)free)} of {Bytes.Describe((long)total)} are free"
            : "how much is free is not known";
        return new InsufficientMemoryException(
            $"'{Name}' could not give {Bytes.Describe(bytes)} for {purpose}: {have}; this device has {Bytes.Describe(AllocatedBytes)} in buffers and {Bytes.Describe(_scratchBytes)} in working memory.{Emulator.Addition()}");
    }

    private void FreeCaptured()
    {
        for (int last = _freeAfterCapture.Count - 1; last >= 0; last--)
        {
            nint address = _freeAfterCapture[last];
            _freeAfterCapture.RemoveAt(last); // first, so that it is given back once where this throws
            Free(address);
        }
    }

    private void FreeScratch()
    {
        foreach ((nint address, _) in _scratch) _ = Driver.cuMemFree_v2(address);
        _scratch.Clear();
        _scratchBytes = 0;
    }
}
