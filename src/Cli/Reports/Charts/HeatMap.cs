using MergeEngine.Cli.Reports.Tables;
using MergeEngine.Cli.Terminal;
using OxyPlot;
using OxyPlot.Annotations;
using OxyPlot.Axes;

namespace MergeEngine.Cli.Reports.Charts;

/// <summary>
/// A matrix of tasks by tasks with its numbers. The colour is one hue for each sign, the more opaque the larger the value, over the page's
/// own background: numbers stay readable in both colour schemes.
/// </summary>
internal static class HeatMap
{
    private const double Cell = 62;
    private const double MostOpaque = 0.72;

    /// <param name="title">What the matrix is, for a screen reader.</param>
    /// <param name="names">Names of rows and columns.</param>
    /// <param name="values">[row][column].</param>
    /// <param name="rowTitle">What a row is.</param>
    /// <param name="columnTitle">What a column is.</param>
    /// <param name="decimals">Digits after the point.</param>
    /// <param name="center">The value without colour.</param>
    /// <param name="highIsBad">True to give the warm hue to values above the center.</param>
    public static string Draw(
        string title,
        IReadOnlyList<string> names,
        IReadOnlyList<IReadOnlyList<double>> values,
        string rowTitle = "",
        string columnTitle = "",
        int decimals = 2,
        double center = 0,
        bool highIsBad = false)
    {
        PlotModel model = SvgChart.CreateModel();
        string[] labels = [.. names.Select(Printable.Of)];
        model.Axes.Add(Axis(AxisPosition.Top, labels, columnTitle));
        model.Axes.Add(Axis(AxisPosition.Left, labels, rowTitle));
        // The diagonal compares a task with itself: it stays empty and does not set the scale.
        double scale = values.SelectMany((row, i) => row.Where((value, j) => i != j && double.IsFinite(value)))
            .Select(value => Math.Abs(value - center)).DefaultIfEmpty(0).Max();
        for (int row = 0; row < values.Count; row++)
        {
            for (int column = 0; column < values[row].Count; column++)
            {
                if (row == column) continue;
                double value = values[row][column];
                double strength = scale > 0 && double.IsFinite(value) ? Math.Abs(value - center) / scale : 0;
                OxyColor hue = value >= center != highIsBad ? ChartColors.Positive : ChartColors.Negative;
                model.Annotations.Add(CellAt(row, column, Figures.Decimals(value, decimals), OxyColor.FromAColor((byte)(255 * MostOpaque * strength), hue)));
            }
        }

        double longest = labels.Max(label => label.Length) * 9;
        return SvgChart.Draw(model, names.Count * Cell + longest + 40, names.Count * Cell * 0.62 + 70, title);
    }

    private static LinearAxis Axis(AxisPosition position, string[] labels, string title) => SvgChart.Style(new LinearAxis
    {
        Position = position,
        Title = title,
        Minimum = -0.5,
        Maximum = labels.Length - 0.5,
        MajorStep = 1,
        MinorStep = 1,
        MajorTickSize = 2,
        // Row 0 stands at the top.
        StartPosition = position == AxisPosition.Left ? 1 : 0,
        EndPosition = position == AxisPosition.Left ? 0 : 1,
        AxisTitleDistance = 12,
        LabelFormatter = value => value >= 0 && value < labels.Length && value % 1 == 0 ? labels[(int)value] : "",
    });

    private static RectangleAnnotation CellAt(int row, int column, string text, OxyColor fill) => new()
    {
        MinimumX = column - 0.48,
        MaximumX = column + 0.48,
        MinimumY = row - 0.47,
        MaximumY = row + 0.47,
        Fill = fill,
        StrokeThickness = 0,
        Text = text,
        TextColor = ChartColors.Ink,
        FontSize = SvgChart.FontSize - 0.5,
    };
}
