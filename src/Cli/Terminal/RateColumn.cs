using System.Collections.Concurrent;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace MergeEngine.Cli.Terminal;

/// <summary>Rate and time left, as <c>128 steps/s, 12 s left</c>.</summary>
internal sealed class RateColumn(string unit, ConcurrentDictionary<int, RateMeter> meters) : ProgressColumn
{
    public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime)
    {
        if (!meters.TryGetValue(task.Id, out RateMeter? meter) || meter.PerSecond is not { } rate) return Text.Empty;
        string text = Rate.Format(rate, unit);
        if (!task.IsIndeterminate && meter.Left((long)task.MaxValue) is { } left) text += $", {Rate.Duration(left)} left";
        return new Text(text, new Style(Color.Grey));
    }
}
