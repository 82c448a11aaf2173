using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cuda.Interop;
using MergeEngine.Tensors.Cuda.Memory;

namespace MergeEngine.Tensors.Cuda;

/// <content>What operations return to the host, by way of page-locked memory.</content>
public sealed unsafe partial class CudaDevice
{
    private const long SmallestResults = 64 << 10;

    private void* _results;
    private long _resultsBytes;

    /// <summary>
    /// Waits for the stream and gives <paramref name="count"/> values of device memory, which are good until the next call. The caller holds
    /// the gate.
    /// </summary>
    internal ReadOnlySpan<T> Fetch<T>(nint address, int count)
        where T : unmanaged
    {
        Enter();
        RequireNotRecording("An operation that returns a value");
        long bytes = (long)count * Unsafe.SizeOf<T>();
        if (_resultsBytes < bytes) GrowResults(bytes);
        CudaStatus status = Driver.cuMemcpyDtoHAsync_v2(_results, address, (nuint)bytes, _stream);
        if (status != CudaStatus.Success) CudaErrors.Throw(status, $"Copying {Bytes.Describe(bytes)} from '{Name}'");
        WaitForStream();
        return new ReadOnlySpan<T>(_results, count);
    }

    /// <summary>Sets device memory to zero, in the order of the stream. The caller holds the gate.</summary>
    internal void Clear(nint address, long bytes)
    {
        Enter();
        RequireNotRecording("Clearing memory");
        CudaStatus status = Driver.cuMemsetD8Async(address, 0, (nuint)bytes, _stream);
        if (status != CudaStatus.Success) CudaErrors.Throw(status, $"Clearing {Bytes.Describe(bytes)} on '{Name}'");
    }

    private void GrowResults(long bytes)
    {
        FreeResults();
        bytes = Math.Max(bytes, SmallestResults);
        void* memory;
        CudaStatus status = Driver.cuMemHostAlloc(&memory, (nuint)bytes, 0);
        if (status != CudaStatus.Success) CudaErrors.Throw(status, $"Allocating {Bytes.Describe(bytes)} of page-locked memory for '{Name}'");
        _results = memory;
        _resultsBytes = bytes;
    }

    private void FreeResults()
    {
        if (_results != null) _ = Driver.cuMemFreeHost(_results);
        _results = null;
        _resultsBytes = 0;
    }
}
