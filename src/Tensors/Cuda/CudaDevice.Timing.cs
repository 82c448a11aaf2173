using MergeEngine.Tensors.Cuda.Interop;

namespace MergeEngine.Tensors.Cuda;

/// <content>How long work takes, by the device's own clock.</content>
public sealed unsafe partial class CudaDevice
{
    /// <summary>Seconds between the start and the end of work on the stream; waits for it.</summary>
    internal double Time(Action work)
    {
        lock (Gate)
        {
            Enter();
            RequireNotRecording("A measurement");
            EventHandle start = default, end = default;
            try
            {
                Driver.cuEventCreate(&start, 0).Check("Creating an event");
                Driver.cuEventCreate(&end, 0).Check("Creating an event");
                Driver.cuEventRecord(start, _stream).Check("Recording an event");
                work();
                Driver.cuEventRecord(end, _stream).Check("Recording an event");
                Driver.cuEventSynchronize(end).Check($"Waiting for the work on '{Name}'");
                float milliseconds;
                Driver.cuEventElapsedTime(&milliseconds, start, end).Check("Reading an event");
                return milliseconds / 1e3;
            }
            finally
            {
                if (start != default) _ = Driver.cuEventDestroy_v2(start);
                if (end != default) _ = Driver.cuEventDestroy_v2(end);
            }
        }
    }

    /// <summary>Copies device memory in the order of the stream, by the driver's own means. The caller holds the gate.</summary>
    internal void CopyByDriver(nint destination, nint source, long bytes)
    {
        Enter();
        RequireNotRecording("A copy by the driver");
        CudaStatus status = Driver.cuMemcpyDtoDAsync_v2(destination, source, (nuint)bytes, _stream);
        if (status != CudaStatus.Success) CudaErrors.Throw(status, $"Copying {Bytes.Describe(bytes)} on '{Name}'");
    }
}
