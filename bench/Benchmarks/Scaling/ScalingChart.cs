using System.Globalization;
using System.Text;
using MergeEngine.Cli.Reports.Charts;
using OxyPlot;
using OxyPlot.Axes;
using OxyPlot.Legends;
using OxyPlot.Series;

namespace MergeEngine.Benchmarks.Scaling;

/// <summary>Draws costs over sizes: points, the straight line through them, and over threads the speed-up beside the number of threads.</summary>
internal static class ScalingChart
{
    private const int Columns = 2;
    private const double Width = 560, Height = 330;

    private static readonly (string Panel, string Title, string Axis)[] s_panels =
    [
        ("batch", "Batch", "images"), ("depth", "Depth", "blocks"), ("width", "Parameters of an encoder", "million parameters"),
        ("merge", "Parameters of a merge of 8 models", "million parameters"), ("threads", "Threads", "threads"),
    ];

    /// <summary>Names of <see cref="ChartColors"/>, in the light and in the dark.</summary>
    private static readonly (string Name, string Light, string Dark)[] s_colors =
    [
        ("paper", "#ffffff", "#15191e"), ("ink", "#1c1f23", "#e8eaed"), ("muted", "#646b75", "#9aa3ae"), ("grid", "#e9eaed", "#2a3038"),
        ("series-1", "#2f6fde", "#6ea2ff"), ("series-2", "#e0742a", "#f5a25f"),
    ];

    /// <summary>A file of its own, in the reader's light or dark colours; in light ones where a program knows no style sheets with variables.</summary>
    public static string Draw(IReadOnlyList<ScalingPoint> points)
    {
        var panels = s_panels.Where(panel => points.Any(p => p.Panel == panel.Panel)).ToArray();
        double width = Columns * Width, height = (panels.Length + Columns - 1) / Columns * Height;
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n");
        svg.Append("<style>:root{").AppendJoin(';', s_colors.Select(c => $"--{c.Name}:{c.Light}"));
        svg.Append("}@media(prefers-color-scheme:dark){:root{").AppendJoin(';', s_colors.Select(c => $"--{c.Name}:{c.Dark}")).Append("}}</style>\n");
        svg.Append("<rect width=\"100%\" height=\"100%\" fill=\"var(--paper)\"/>\n");
        for (int i = 0; i < panels.Length; i++)
        {
            (string panel, string title, string axis) = panels[i];
            svg.Append(CultureInfo.InvariantCulture, $"<svg x=\"{i % Columns * Width}\" y=\"{i / Columns * Height}\" width=\"{Width}\" height=\"{Height}\">\n");
            string drawn = Panel([.. points.Where(p => p.Panel == panel)], title, axis, isSpeedUp: panel == "threads");
            // Inside of a file there is no place for the head of one.
            svg.Append(drawn, drawn.IndexOf("<svg", StringComparison.Ordinal), drawn.Length - drawn.IndexOf("<svg", StringComparison.Ordinal)).Append('\n');
            svg.Append("</svg>\n");
        }

        svg.Append("</svg>\n");
        foreach ((string name, string light, _) in s_colors)
        {
            // Whoever does not know variables leaves out the second of two declarations, or the style of an attribute, and takes the first.
            foreach (string property in (string[])["fill", "stroke"]) svg.Replace($"{property}:var(--{name})", $"{property}:{light};{property}:var(--{name})");
            svg.Replace($"fill=\"var(--{name})\"", $"fill=\"{light}\" style=\"fill:var(--{name})\"");
        }

        return svg.ToString();
    }

    private static string Panel(ScalingPoint[] points, string title, string axis, bool isSpeedUp)
    {
        PlotModel model = SvgChart.CreateModel();
        model.Title = title;
        model.TitleFontSize = SvgChart.FontSize + 1;
        model.TitleFontWeight = FontWeights.Bold;
        double largest = points.Max(p => p.X);
        model.Axes.Add(SvgChart.Style(new LinearAxis { Position = AxisPosition.Bottom, Title = axis, Minimum = 0, Maximum = 1.05 * largest, AxisTitleDistance = 6, MinimumMajorStep = 1 }));
        model.Axes.Add(SvgChart.Style(new LinearAxis
        {
            Position = AxisPosition.Left,
            Title = isSpeedUp ? "speed-up" : "ms",
            Minimum = 0,
            MaximumPadding = 0.08,
            MajorGridlineStyle = LineStyle.Solid,
            AxisTitleDistance = 10,
        }));
        model.Legends.Add(new Legend
        {
            LegendPosition = LegendPosition.LeftTop,
            LegendTextColor = ChartColors.Ink,
            LegendFontSize = SvgChart.FontSize - 1,
            LegendSymbolLength = 20,
        });
        int color = 0;
        foreach (IGrouping<string, ScalingPoint> series in points.GroupBy(p => p.Series))
        {
            ScalingPoint[] own = [.. series.OrderBy(p => p.X)];
            if (isSpeedUp) AddSpeedUp(model, series.Key, own, ChartColors.Series(color));
            else AddCost(model, series.Key, own, ChartColors.Series(color));
            color++;
        }

        if (isSpeedUp) model.Series.Add(Line("one for each thread", ChartColors.Muted, LineStyle.Dot, [new DataPoint(0, 0), new DataPoint(largest, largest)]));
        return SvgChart.Draw(model, Width, Height, $"{title}: {(isSpeedUp ? "speed-up" : "cost")} over {axis}");
    }

    private static void AddCost(PlotModel model, string name, ScalingPoint[] points, OxyColor color)
    {
        ScalingLine line = ScalingLine.Through(points);
        double last = points[^1].X;
        string title = string.Create(CultureInfo.InvariantCulture, $"{name}, within {100 * line.Deviation:F0} % of a line");
        model.Series.Add(Line(null, color, LineStyle.Solid, [new DataPoint(0, 1e3 * line.Intercept), new DataPoint(last, 1e3 * (line.Intercept + (line.Slope * last)))]));
        model.Series.Add(Dots(title, color, points.Select(p => new DataPoint(p.X, 1e3 * p.Seconds))));
    }

    private static void AddSpeedUp(PlotModel model, string name, ScalingPoint[] points, OxyColor color)
    {
        double one = points[0].Seconds * points[0].X;
        string ratios = string.Join(", ", points.Skip(1).Select(p => string.Create(CultureInfo.InvariantCulture, $"{one / p.Seconds:F2} on {p.X}")));
        DataPoint[] speeds = [.. points.Select(p => new DataPoint(p.X, one / p.Seconds))];
        model.Series.Add(Line(null, color, LineStyle.Solid, speeds));
        model.Series.Add(Dots($"{name}: {ratios}", color, speeds));
    }

    private static LineSeries Line(string? title, OxyColor color, LineStyle style, IEnumerable<DataPoint> points)
    {
        var line = new LineSeries { Title = title, RenderInLegend = title is not null, Color = color, StrokeThickness = 1.6, LineStyle = style };
        line.Points.AddRange(points);
        return line;
    }

    private static LineSeries Dots(string title, OxyColor color, IEnumerable<DataPoint> points)
    {
        var dots = new LineSeries { Title = title, Color = color, LineStyle = LineStyle.None, MarkerType = MarkerType.Circle, MarkerSize = 4, MarkerFill = color };
        dots.Points.AddRange(points);
        return dots;
    }
}
