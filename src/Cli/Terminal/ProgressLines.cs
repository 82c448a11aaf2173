using System.Globalization;

namespace MergeEngine.Cli.Terminal;

/// <summary>Progress for logs: one line at most every few seconds, none for work that is over sooner.</summary>
internal sealed class ProgressLines(string unit, TextWriter output, TimeProvider clock) : IProgressSink
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private readonly Lock gate = new();
    private readonly long start = clock.GetTimestamp();
    private long last = clock.GetTimestamp();
    private long phaseStart = clock.GetTimestamp();
    private string? phase;

    public void Report(string phase, long done, long total, long overallDone = 0, long overallTotal = 0)
    {
        lock (gate)
        {
            long now = clock.GetTimestamp();
            if (phase != this.phase)
            {
                this.phase = phase;
                phaseStart = now;
            }

            if (clock.GetElapsedTime(last, now) < Interval) return;
            last = now;
            output.WriteLine(Line(phase, done, total, overallDone, overallTotal, now));
        }
    }

    private string Line(string phase, long done, long total, long overallDone, long overallTotal, long now)
    {
        string line = total > 0 ? $"{phase}: {Count(done)} of {Count(total)}" : $"{phase}: {Count(done)}";
        double seconds = clock.GetElapsedTime(phaseStart, now).TotalSeconds;
        if (done > 0 && seconds > 0) line += $", {Rate.Format(done / seconds, unit)}";
        (long allDone, long all, long since) = overallTotal > 0 ? (overallDone, overallTotal, start) : (done, total, phaseStart);
        if (allDone <= 0 || all <= 0) return line;
        double left = clock.GetElapsedTime(since, now).TotalSeconds / allDone * Math.Max(0, all - allDone);
        return string.Create(CultureInfo.InvariantCulture, $"{line}, {100.0 * allDone / all:0} % of all, {Rate.Duration(left)} left");
    }

    private string Count(long units) => unit == "B"
        ? string.Create(CultureInfo.InvariantCulture, $"{units / 1e6:0} MB")
        : string.Create(CultureInfo.InvariantCulture, $"{units} {unit}");
}
