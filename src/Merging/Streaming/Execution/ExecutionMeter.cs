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

    /// <summary>Says how much there is in all phases together, at most, and how much of it is done before the first.</summary>
    public void Expect(long total, long done)
    {
        lock (_gate) (_total, _done) = (total, done);
    }

    /// <summary>Begins a phase, which goes on counting where the one before ended.</summary>
    public void Begin(string phase)
    {
        lock (_gate) _phase = phase;
        Advance(0);
    }

    /// <summary>Takes bytes out of the total that nobody needs to read after all.</summary>
    public void Spare(long bytes)
    {
        lock (_gate) _total -= bytes;
    }

    public void Read(long bytes) => Interlocked.Add(ref _read, bytes);

    public void Wrote(long bytes) => Interlocked.Add(ref _written, bytes);

    /// <summary>So many bytes are done. Reports never run backwards.</summary>
    public void Advance(long bytes)
    {
        if (progress is null) return;
        lock (_gate) progress.Report(new ExecutionProgress(_phase, _done += bytes, _total));
    }
}
