using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cuda.Interop;
using MergeEngine.Tensors.Cuda.Memory;

namespace MergeEngine.Tensors.Cuda;

/// <content>What operations return to the host, by way of page-locked memory.</content>
public sealed unsafe partial class CudaDevice
{
    private const int SmallestResults = 64 << 10;

    private PinnedBuffer? _results;

    /// <summary>
    /// Waits for the stream and gives <paramref name="count"/> values of device memory, which are good until the next call. The caller holds
    /// the gate.
    /// </summary>
    internal ReadOnlySpan<T> Fetch<T>(nint address, int count)
        where T : unmanaged
    {
        Enter();
        RequireNotRecording("An operation that returns a value");
        int bytes = checked(count * Unsafe.SizeOf<T>());
        if (_results is not { } results || results.Length < bytes)
        {
            FreeResults();
            _results = results = new PinnedBuffer(Name, Math.Max(bytes, SmallestResults));
        }

        CudaStatus status = Driver.cuMemcpyDtoHAsync_v2(results.Memory, address, (nuint)bytes, _stream);
        if (status != CudaStatus.Success) CudaErrors.Throw(status, $"Copying {Bytes.Describe(bytes)} from '{Name}'");
        WaitForStream();
        return new ReadOnlySpan<T>(results.Memory, count);
    }

    /// <summary>Sets device memory to zero, in the order of the stream. The caller holds the gate.</summary>
    internal void Clear(nint address, long bytes)
    {
        Enter();
        RequireNotRecording("Clearing memory");
        CudaStatus status = Driver.cuMemsetD8Async(address, 0, (nuint)bytes, _stream);
        if (status != CudaStatus.Success) CudaErrors.Throw(status, $"Clearing {Bytes.Describe(bytes)} on '{Name}'");
    }

    private void FreeResults()
    {
        _results?.Free();
        _results = null;
    }
}
