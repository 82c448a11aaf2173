namespace MergeEngine.Cli.Terminal;

/// <summary>Units a second since the first report: a phase may begin with units that were done before.</summary>
internal sealed class RateMeter(TimeProvider clock)
{
    private long start;
    private long first = -1;
    private long done;

    public void Report(long done)
    {
        this.done = done;
        if (first >= 0) return;
        first = done;
        start = clock.GetTimestamp();
    }

    /// <summary>Null until something was done after the first report.</summary>
    public double? PerSecond
    {
        get
        {
            double seconds = clock.GetElapsedTime(start).TotalSeconds;
            return first >= 0 && done > first && seconds > 0 ? (done - first) / seconds : null;
        }
    }

    /// <summary>Seconds that the rest takes at this rate.</summary>
    public double? Left(long total) => PerSecond is { } rate ? Math.Max(0, total - done) / rate : null;
}
