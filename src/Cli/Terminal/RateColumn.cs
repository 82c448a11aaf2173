using Spectre.Console;
using Spectre.Console.Rendering;

namespace MergeEngine.Cli.Terminal;

/// <summary>Units a second, as <c>128 steps/s</c>.</summary>
internal sealed class RateColumn(string unit) : ProgressColumn
{
    public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) =>
        new Text(task.Speed is { } speed ? Rate.Format(speed, unit) : "", new Style(Color.Grey));
}
