namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>Counts the bytes that go by, and tells.</summary>
internal sealed class ExecutionMeter(IProgress<ExecutionProgress>? progress)
{
    private readonly Lock _gate = new();
    private string _phase = "";
    private long _done;
    private long _total;
    private long _read;
    private long _written;

    public ExecutionSummary Summary => new(Interlocked.Read(ref _read), Interlocked.Read(ref _written));

    public void Begin(string phase, long total)
    {
        lock (_gate) (_phase, _done, _total) = (phase, 0, total);
        Advance(0);
    }

    public void Read(long bytes) => Interlocked.Add(ref _read, bytes);

    public void Wrote(long bytes) => Interlocked.Add(ref _written, bytes);

    /// <summary>So many bytes of the phase are done. Reports never run backwards.</summary>
    public void Advance(long bytes)
    {
        if (progress is null) return;
        lock (_gate) progress.Report(new ExecutionProgress(_phase, _done += bytes, _total));
    }
}
