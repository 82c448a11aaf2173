using System.Globalization;

namespace MergeEngine.Cli.Terminal;

/// <summary>Progress for logs: one line at most every few seconds, none for work that is over sooner.</summary>
internal sealed class ProgressLines(string unit, TextWriter output, TimeProvider clock) : IProgressSink
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private readonly Lock gate = new();
    private readonly Phase phases = new();
    private readonly RateMeter overall = new(clock);
    private RateMeter current = new(clock);
    private long last = clock.GetTimestamp();

    public void Report(string phase, long done, long total, long overallDone = 0, long overallTotal = 0)
    {
        lock (gate)
        {
            if (phases.Begins(phase, done)) current = new RateMeter(clock);
            current.Report(done);
            overall.Report(overallTotal > 0 ? overallDone : done);
            if (clock.GetElapsedTime(last) < Interval) return;
            last = clock.GetTimestamp();
            output.WriteLine(Line(phase, done, total, overallTotal > 0 ? overallDone : done, overallTotal > 0 ? overallTotal : total));
        }
    }

    private string Line(string phase, long done, long total, long allDone, long all)
    {
        string line = total > 0 ? $"{phase}: {Number(done)} of {Number(total)} {Unit}" : $"{phase}: {Number(done)} {Unit}";
        if (current.PerSecond is { } rate) line += $", {Rate.Format(rate, unit)}";
        if (all > 0) line += string.Create(CultureInfo.InvariantCulture, $", {100.0 * allDone / all:0} % of all");
        return overall.Left(all) is { } left && all > 0 ? $"{line}, {Rate.Duration(left)} left" : line;
    }

    private string Unit => unit == "B" ? "MB" : unit;

    private string Number(long units) => (unit == "B" ? units / 1_000_000 : units).ToString(CultureInfo.InvariantCulture);
}
