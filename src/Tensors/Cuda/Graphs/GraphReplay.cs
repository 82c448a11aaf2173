namespace MergeEngine.Tensors.Cuda.Graphs;

/// <summary>
/// Replays work as a CUDA graph. Work that is seen for the first time runs as it is, the second time it is captured, and from then on one
/// call launches all of it.
/// </summary>
internal sealed class GraphReplay(CudaDevice device) : WorkReplay
{
    /// <summary>Shapes that alternate (the last batch of an epoch, several batch sizes) each keep a graph; the least used one goes first.</summary>
    private const int MostRecordings = 32;

    private readonly List<Recording> _recordings = [];
    private readonly LaunchLog _log = new();
    private long _calls;
    private bool _disposed;

    /// <inheritdoc/>
    public override void Run<TState>(TState state, Action<TState> work)
    {
        lock (device.Gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            // Inside other work this is a part of it.
            if (!device.Replays || device.IsRecording)
            {
                work(state);
                return;
            }

            Recording? recording = Find(state, work);
            if (recording is null)
            {
                Remember();
                work(state);
                return;
            }

            recording.LastUse = _calls;
            if (recording.Executable == default) recording.Executable = device.Capture(_log, recording.Log, state, work);
            device.Launch(recording.Executable);
        }
    }

    protected override void Dispose(bool disposing)
    {
        lock (device.Gate)
        {
            _disposed = true;
            foreach (Recording recording in _recordings) device.Destroy(recording.Executable);
            _recordings.Clear();
        }

        base.Dispose(disposing);
    }

    /// <summary>Runs the host's side of the work, and finds the recording that launches the same.</summary>
    private Recording? Find<TState>(TState state, Action<TState> work)
    {
        device.DryRun(_log, state, work);
        _calls++;
        ReadOnlySpan<byte> launches = _log.Bytes;
        foreach (Recording recording in _recordings)
        {
            if (launches.SequenceEqual(recording.Log)) return recording;
        }

        return null;
    }

    private void Remember()
    {
        if (_recordings.Count == MostRecordings)
        {
            int oldest = 0;
            for (int i = 1; i < _recordings.Count; i++)
            {
                if (_recordings[i].LastUse < _recordings[oldest].LastUse) oldest = i;
            }

            device.Destroy(_recordings[oldest].Executable);
            _recordings.RemoveAt(oldest);
        }

        _recordings.Add(new Recording(_log.Bytes.ToArray()) { LastUse = _calls });
    }
}
