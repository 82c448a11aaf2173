using MergeEngine.Cli.Terminal;
using OxyPlot;
using OxyPlot.Axes;
using OxyPlot.Series;

namespace MergeEngine.Cli.Reports.Charts;

/// <summary>Horizontal bars with their values: a number for each of a few names.</summary>
internal static class BarChart
{
    /// <param name="values">Name and value, first at the top.</param>
    /// <param name="title">What the values are.</param>
    /// <param name="format">Value to text.</param>
    public static string Draw(IReadOnlyList<KeyValuePair<string, double>> values, string title, Func<double, string> format)
    {
        PlotModel model = SvgChart.CreateModel();
        CategoryAxis names = SvgChart.Style(new CategoryAxis { Position = AxisPosition.Left, GapWidth = 0.35, StartPosition = 1, EndPosition = 0 });
        names.Labels.AddRange(values.Select(v => Printable.Of(v.Key)));
        model.Axes.Add(names);
        model.Axes.Add(SvgChart.Style(new LinearAxis
        {
            Position = AxisPosition.Bottom,
            Title = title,
            MinimumPadding = 0,
            MaximumPadding = 0.12,
            AbsoluteMinimum = 0,
            Minimum = 0,
            MajorGridlineStyle = LineStyle.Solid,
            AxisTitleDistance = 8,
        }));
        var bars = new BarSeries { FillColor = ChartColors.Series(0), StrokeThickness = 0 };
        for (int i = 0; i < values.Count; i++)
        {
            bars.Items.Add(new BarItem(double.IsFinite(values[i].Value) ? values[i].Value : 0));
            model.Annotations.Add(new OxyPlot.Annotations.TextAnnotation
            {
                Text = format(values[i].Value),
                TextPosition = new DataPoint(bars.Items[i].Value, i),
                TextHorizontalAlignment = HorizontalAlignment.Left,
                TextVerticalAlignment = VerticalAlignment.Middle,
                Offset = new ScreenVector(6, 0),
                TextColor = ChartColors.Ink,
                StrokeThickness = 0,
            });
        }

        model.Series.Add(bars);
        return SvgChart.Draw(model, 640, 26 * values.Count + 70, title);
    }
}
