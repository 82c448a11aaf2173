using System.Collections.Concurrent;
using Spectre.Console;

namespace MergeEngine.Cli.Terminal;

/// <summary>One bar for the phase and, where there is more than one phase, one for the whole.</summary>
internal sealed class ProgressBars(ProgressContext context, ConcurrentDictionary<int, RateMeter> meters) : IProgressSink
{
    private readonly Lock gate = new();
    private readonly Phase phases = new();
    private ProgressTask? overall;
    private ProgressTask? current;

    public void Report(string phase, long done, long total, long overallDone = 0, long overallTotal = 0)
    {
        lock (gate)
        {
            if (overallTotal > 0) Show(overall ??= Add("all"), overallDone, overallTotal);
            if (phases.Begins(phase, done) || current is null)
            {
                // A new bar, not a renamed one: rate and remaining time are this phase's own. A full bar is hidden.
                if (current is not null) current.Value = current.MaxValue;
                current = Add(phase);
            }

            current.Description = Markup.Escape(Printable.Of(phase));
            Show(current, done, total);
        }
    }

    private ProgressTask Add(string name)
    {
        ProgressTask task = context.AddTask(Markup.Escape(Printable.Of(name)));
        meters[task.Id] = new RateMeter(TimeProvider.System);
        return task;
    }

    private void Show(ProgressTask task, long done, long total)
    {
        task.IsIndeterminate = total <= 0;
        if (total > 0) task.MaxValue = total;
        task.Value = done;
        meters[task.Id].Report(done);
    }
}
