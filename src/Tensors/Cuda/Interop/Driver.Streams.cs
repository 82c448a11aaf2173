using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Cuda.Interop;

/// <content>Streams and events.</content>
internal static unsafe partial class Driver
{
    /// <summary>CU_STREAM_NON_BLOCKING: does not wait for the legacy default stream, which other libraries of the process use.</summary>
    public const uint StreamNonBlocking = 1;

    /// <summary>CU_EVENT_DISABLE_TIMING.</summary>
    public const uint EventDisableTiming = 2;

    [LibraryImport(Library)]
    public static partial CudaStatus cuStreamCreate(StreamHandle* stream, uint flags);

    [LibraryImport(Library)]
    public static partial CudaStatus cuStreamDestroy_v2(StreamHandle stream);

    [LibraryImport(Library)]
    public static partial CudaStatus cuStreamSynchronize(StreamHandle stream);

    [LibraryImport(Library)]
    public static partial CudaStatus cuStreamQuery(StreamHandle stream);

    [LibraryImport(Library)]
    public static partial CudaStatus cuStreamGetCtx(StreamHandle stream, ContextHandle* context);

    [LibraryImport(Library)]
    public static partial CudaStatus cuStreamWaitEvent(StreamHandle stream, EventHandle awaited, uint flags);

    [LibraryImport(Library)]
    public static partial CudaStatus cuEventCreate(EventHandle* created, uint flags);

    [LibraryImport(Library)]
    public static partial CudaStatus cuEventRecord(EventHandle recorded, StreamHandle stream);

    [LibraryImport(Library)]
    public static partial CudaStatus cuEventQuery(EventHandle queried);

    [LibraryImport(Library)]
    public static partial CudaStatus cuEventSynchronize(EventHandle awaited);

    [LibraryImport(Library)]
    public static partial CudaStatus cuEventElapsedTime(float* milliseconds, EventHandle start, EventHandle end);

    [LibraryImport(Library)]
    public static partial CudaStatus cuEventDestroy_v2(EventHandle destroyed);
}
