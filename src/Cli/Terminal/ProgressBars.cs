using Spectre.Console;

namespace MergeEngine.Cli.Terminal;

/// <summary>One bar for the phase and, where there is more than one phase, one for the whole.</summary>
internal sealed class ProgressBars(ProgressContext context) : IProgressSink
{
    private readonly Lock gate = new();
    private ProgressTask? overall;
    private ProgressTask? current;
    private string? phase;

    public void Report(string phase, long done, long total, long overallDone = 0, long overallTotal = 0)
    {
        lock (gate)
        {
            if (overallTotal > 0)
            {
                overall ??= context.AddTask("all");
                overall.MaxValue = overallTotal;
                overall.Value = overallDone;
            }

            if (phase != this.phase || current is null)
            {
                this.phase = phase;
                // A new bar, not a renamed one: rate and remaining time are this phase's own. A full bar is hidden.
                if (current is not null) current.Value = current.MaxValue;
                current = context.AddTask(Markup.Escape(phase));
            }

            current.IsIndeterminate = total <= 0;
            if (total > 0) current.MaxValue = total;
            current.Value = done;
        }
    }
}
