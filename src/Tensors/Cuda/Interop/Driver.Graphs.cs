using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Cuda.Interop;

/// <content>Capture of a stream's work, and its replay.</content>
internal static unsafe partial class Driver
{
    [LibraryImport(Library)]
    public static partial CudaStatus cuStreamBeginCapture_v2(StreamHandle stream, CaptureMode mode);

    [LibraryImport(Library)]
    public static partial CudaStatus cuStreamEndCapture(StreamHandle stream, GraphHandle* graph);

    [LibraryImport(Library)]
    public static partial CudaStatus cuGraphInstantiateWithFlags(GraphExecHandle* executable, GraphHandle graph, ulong flags);

    [LibraryImport(Library)]
    public static partial CudaStatus cuGraphLaunch(GraphExecHandle executable, StreamHandle stream);

    [LibraryImport(Library)]
    public static partial CudaStatus cuGraphExecDestroy(GraphExecHandle executable);

    [LibraryImport(Library)]
    public static partial CudaStatus cuGraphDestroy(GraphHandle graph);
}

/// <summary>CUstreamCaptureMode: whose unsafe calls end a capture.</summary>
internal enum CaptureMode
{
    Global = 0,
    ThreadLocal = 1,
    Relaxed = 2,
}
