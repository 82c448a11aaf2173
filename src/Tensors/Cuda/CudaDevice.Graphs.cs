using MergeEngine.Tensors.Cuda.Graphs;
using MergeEngine.Tensors.Cuda.Interop;

namespace MergeEngine.Tensors.Cuda;

/// <content>Command graphs: dry runs, capture, replay.</content>
public sealed unsafe partial class CudaDevice
{
    /// <summary>Set to 0, work is never replayed.</summary>
    public const string GraphsVariable = "MERGE_ENGINE_CUDA_GRAPHS";

    private LaunchLog? _log;
    private bool _capturing;

    /// <summary>Whether repeated work is captured and replayed; on unless the environment says otherwise. Results are the same bits either way.</summary>
    public bool GraphsEnabled { get; set; }

    /// <exception cref="CudaException">The environment says neither.</exception>
    private static bool GraphsByDefault => Environment.GetEnvironmentVariable(GraphsVariable) switch
    {
        null or "" or "1" => true,
        "0" => false,
        string other => throw new CudaException($"{GraphsVariable} is '{other}'; it must be 0 (work is never replayed) or 1."),
    };

    /// <summary>Whether work may be replayed now: a profile wants every operation on its own.</summary>
    internal bool Replays => GraphsEnabled && !IsProfiled;

    /// <summary>Graphs that are kept for replay.</summary>
    internal int LiveGraphs { get; private set; }

    /// <summary>True while work is written down or captured: nothing may wait for the device then.</summary>
    internal bool IsRecording => _log is not null || _capturing;

    public override WorkReplay CreateReplay() => new GraphReplay(this);

    /// <summary>Runs work with its launches written down instead of made; the caller holds the gate.</summary>
    internal void DryRun<TState>(LaunchLog log, TState state, Action<TState> work)
    {
        Enter();
        log.Clear();
        _log = log;
        try
        {
            work(state);
        }
        finally
        {
            _log = null;
            Entries++; // what was written down was not done
        }
    }

    /// <summary>
    /// Runs work with its launches captured in a graph instead of made, and written down again; the caller holds the gate and has made a dry run, so
    /// nothing is left to allocate.
    /// </summary>
    /// <param name="log">What is captured.</param>
    /// <param name="expected">What the dry run wrote down: a graph of anything else would be replayed for the wrong work.</param>
    /// <param name="state">Handed to <paramref name="work"/>.</param>
    /// <param name="work">The work.</param>
    /// <exception cref="InvalidOperationException">The work launched other things than in the dry run.</exception>
    internal GraphExecHandle Capture<TState>(LaunchLog log, ReadOnlySpan<byte> expected, TState state, Action<TState> work)
    {
        Enter();
        log.Clear();
        Driver.cuStreamBeginCapture_v2(_stream, CaptureMode.ThreadLocal).Check("Starting to capture a graph");
        GraphHandle graph = default;
        bool same = false;
        CudaStatus ended;
        _capturing = true;
        _log = log;
        try
        {
            work(state);
            same = log.Bytes.SequenceEqual(expected);
        }
        finally
        {
            _capturing = false;
            _log = null;
            // Also after a failure: the stream must not stay in capture.
            ended = Driver.cuStreamEndCapture(_stream, &graph);
            if (!same && graph != default) _ = Driver.cuGraphDestroy(graph);
            FreeCaptured();
        }

        if (!same) throw new InvalidOperationException($"Work that '{Name}' records for replay launched other kernels, or other arguments, when it was run a second time: it may not depend on how often it runs.");
        ended.Check("Capturing a graph");
        GraphExecHandle executable;
        CudaStatus status = Driver.cuGraphInstantiateWithFlags(&executable, graph, 0);
        _ = Driver.cuGraphDestroy(graph);
        status.Check("Preparing a graph");
        LiveGraphs++;
        return executable;
    }

    /// <summary>Puts all launches of a graph on the stream.</summary>
    internal void Launch(GraphExecHandle graph)
    {
        Enter();
        CudaStatus status = Driver.cuGraphLaunch(graph, _stream);
        if (status != CudaStatus.Success) CudaErrors.Throw(status, $"Replaying a graph on '{Name}'");
    }

    internal void Destroy(GraphExecHandle graph)
    {
        if (graph == default) return;
        LiveGraphs--;
        if (_disposed || !_context.TryMakeCurrent()) return;
        // A graph that is still running is destroyed behind its last launch by the driver.
        _ = Driver.cuGraphExecDestroy(graph);
    }

    /// <summary>Refuses what must wait for the device, or change its memory by hand, inside work that is recorded.</summary>
    private void RequireNotRecording(string what)
    {
        if (IsRecording) throw new InvalidOperationException($"{what} is not possible inside work that '{Name}' records for replay.");
    }
}
