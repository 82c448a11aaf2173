using MergeEngine.Tensors.Cuda.Interop;
using MergeEngine.Tensors.Cuda.Memory;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cuda;

/// <summary>An NVIDIA GPU, or the emulated one, through the CUDA driver API: one context, one stream, work in the order of the calls.</summary>
public sealed unsafe partial class CudaDevice : Device
{
    /// <summary>Handles up to this one are names: CU_STREAM_LEGACY and CU_STREAM_PER_THREAD.</summary>
    private const nint MostSpecialStream = 2;

    private readonly CudaContext _context;
    private readonly bool _ownsStream;
    private StreamHandle _stream;
    private volatile bool _disposed;

    private CudaDevice(string name, CudaContext context, StreamHandle stream, bool ownsStream, Precision precision)
    {
        Name = name;
        _context = context;
        _stream = stream;
        _ownsStream = ownsStream;
        Precision = precision;
        _spans = new Staging(this);
        _pieces = new Staging(this);
        OwnOperations = new CudaOperations(this);
    }

    public override string Name { get; }

    public override string Description
    {
        get
        {
            RequireOpen();
            return _context.Describe();
        }
    }

    public override bool IsHostMemory => false;

    /// <summary>The CUcontext: the primary one, or the one that was passed in.</summary>
    public nint Context => _context.Handle.Value;

    /// <summary>The CUstream that all work goes to; work of other libraries on it keeps its place in the order.</summary>
    /// <exception cref="ObjectDisposedException">The device has been disposed.</exception>
    public nint Stream
    {
        get
        {
            RequireOpen();
            return _stream.Value;
        }
    }

    /// <summary>Held while an operation is put on the stream, so that the launches of two threads do not mix.</summary>
    internal Lock Gate { get; } = new();

    /// <summary>Streaming multiprocessors, for launch shapes.</summary>
    internal int Multiprocessors => _context.Multiprocessors;

    /// <summary>The most dynamic and static shared memory of a block together.</summary>
    internal int SharedBytesPerBlock => _context.SharedBytesPerBlock;

    internal StreamHandle StreamHandle => _stream;

    protected override OperationSet OwnOperations { get; }

    /// <summary>Calls so far that gave the device something to do, or might have: equal numbers mean that nothing came in between.</summary>
    internal long Entries { get; private set; }

    /// <param name="name"><c>cuda</c>, <c>cuda:n</c> or <c>emulated</c>.</param>
    /// <param name="precision">What products round their inputs to.</param>
    /// <exception cref="CudaException">The driver or the GPU is missing, or too old.</exception>
    internal static CudaDevice Open(string name, Precision precision)
    {
        bool emulated = name == "emulated", graphs = GraphsByDefault;
        int ordinal = 0;
        if (!emulated)
        {
            if (name != "cuda" && !int.TryParse(name.AsSpan("cuda:".Length), System.Globalization.NumberStyles.None, null, out ordinal))
                throw new ArgumentException($"'{name}' is not a device: expected cuda, or cuda:n with the number of a GPU.", nameof(name));
            name = $"cuda:{ordinal}";
        }

        CudaContext context = CudaContext.Primary(name, ordinal, emulated);
        StreamHandle stream;
        CudaStatus status = Driver.cuStreamCreate(&stream, Driver.StreamNonBlocking);
        if (CudaErrors.IsFatal(status))
        {
            context.Abandon();
            context = CudaContext.Primary(name, ordinal, emulated);
            status = Driver.cuStreamCreate(&stream, Driver.StreamNonBlocking);
        }

        if (status != CudaStatus.Success) CudaErrors.Throw(status, $"Creating a stream on '{name}'");
        return new CudaDevice(name, context, stream, ownsStream: true, precision) { GraphsEnabled = graphs };
    }

    /// <summary>
    /// A device on a context and a stream of another library, so that both work on the same memory in one order. The context is used as it is and
    /// never destroyed; the kernels leave it when the last device on it is disposed.
    /// </summary>
    /// <param name="context">CUcontext.</param>
    /// <param name="stream">CUstream of that context; 0 is its legacy default stream, on which nothing can be captured.</param>
    /// <param name="ownsHandle">Whether disposing the device destroys the stream.</param>
    /// <param name="precision">What products round their inputs to.</param>
    /// <exception cref="CudaException">There is no driver, the context is not valid, or the stream is of another context or of none.</exception>
    public static CudaDevice FromHandles(nint context, nint stream, bool ownsHandle = false, Precision precision = Precision.Float32)
    {
        ArgumentOutOfRangeException.ThrowIfZero(context);
        Require(precision);
        bool graphs = GraphsByDefault && stream > MostSpecialStream;
        CudaContext shared = CudaContext.Foreign(new ContextHandle(context));
        try
        {
            if (stream > MostSpecialStream) RequireStream(shared, new StreamHandle(stream));
            return new CudaDevice(shared.DeviceName, shared, new StreamHandle(stream), ownsHandle, precision) { GraphsEnabled = graphs };
        }
        catch
        {
            shared.Release();
            throw;
        }
    }

    /// <summary>As far as the driver can tell: it may take an address for a stream that is none.</summary>
    private static void RequireStream(CudaContext context, StreamHandle stream)
    {
        ContextHandle owner;
        // Unlike a question whether its work is done, this one may be asked while another library captures the stream.
        CudaStatus status = Driver.cuStreamGetCtx(stream, &owner);
        if (status != CudaStatus.Success) CudaErrors.Throw(status, $"Asking for the context of the given stream on '{context.DeviceName}'");
        if (owner != context.Handle) throw new CudaException($"The given stream is of another context than the one given with it on '{context.DeviceName}'.");
    }

    public override void Synchronize()
    {
        lock (Gate)
        {
            Enter();
            RequireNotRecording("Waiting");
            WaitForStream();
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) Close();
        base.Dispose(disposing);
    }

    private void Close()
    {
        if (Gate.IsHeldByCurrentThread || _piecesLock.IsHeldByCurrentThread)
            throw new InvalidOperationException($"'{Name}' cannot be disposed inside of its own work.");
        // A copy in pieces on another thread ends first: its callback has the memory that is given back here.
        lock (_piecesLock)
        {
            lock (Gate) GiveBack();
        }
    }

    private void GiveBack()
    {
        if (_disposed) return;
        _disposed = true;
        if (_context.TryMakeCurrent())
        {
            // Whatever failed before has been reported where it was found; what is left is to give everything back.
            CudaStatus status = Driver.cuStreamSynchronize(_stream);
            if (status != CudaStatus.Success && !CudaErrors.IsFatal(status)) Emulator.TakeFault(); // a stream that its owner has destroyed
            FreeProducts();
            FreeScratch();
            FreeResults();
            _spans.Free();
            _pieces.Free();
            if (_ownsStream) _ = Driver.cuStreamDestroy_v2(_stream);
        }

        _stream = default;
        _context.Release();
    }

    /// <summary>At the start of each call from outside, inside the gate.</summary>
    private void Enter()
    {
        RequireOpen();
        _context.MakeCurrent();
        Entries++;
    }

    private void RequireOpen()
    {
        if (_disposed) throw new ObjectDisposedException(nameof(CudaDevice), $"The device '{Name}' has been disposed.");
    }

    private void WaitForStream()
    {
        CudaStatus status = Driver.cuStreamSynchronize(_stream);
        if (status != CudaStatus.Success) CudaErrors.Throw(status, $"Waiting for the work on '{Name}'");
    }
}
