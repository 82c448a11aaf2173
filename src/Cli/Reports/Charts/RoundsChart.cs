using MergeEngine.Cli.Terminal;
using MergeEngine.Merging.Experiments;
using OxyPlot;
using OxyPlot.Axes;
using OxyPlot.Legends;
using OxyPlot.Series;

namespace MergeEngine.Cli.Reports.Charts;

/// <summary>A line a method over its budget: the mean accuracy, or the norm of the merged task vector.</summary>
internal static class RoundsChart
{
    private const double Width = 1000;
    private const double Height = 380;

    /// <summary>Mean test accuracy after each round, with the references as dashed levels.</summary>
    public static string Accuracy(ExperimentResult result)
    {
        PlotModel model = Create("mean test accuracy (%)");
        long longest = result.Rounds.Max(series => series.Steps.Count == 0 ? 0 : series.Steps[^1]);
        AddLines(model, result, series => series.Average);
        foreach (MethodResult reference in result.Methods.Where(m => m.Name is "pretrained" or "individual" or "joint"))
        {
            if (reference.Average is not { } average) continue;
            var level = new LineSeries
            {
                Title = Printable.Of(reference.Name),
                Color = ChartColors.Muted,
                StrokeThickness = 1.5,
                LineStyle = reference.Name switch { "pretrained" => LineStyle.Dot, "joint" => LineStyle.LongDash, _ => LineStyle.DashDot },
            };
            level.Points.Add(new DataPoint(0, average));
            level.Points.Add(new DataPoint(longest, average));
            model.Series.Add(level);
        }

        return SvgChart.Draw(model, Width, Height, "Mean test accuracy by round");
    }

    /// <summary>Distance from the pre-trained model after each round.</summary>
    public static string Norm(ExperimentResult result)
    {
        PlotModel model = Create("‖θ − θ₀‖₂");
        AddLines(model, result, series => series.Norm);
        return SvgChart.Draw(model, Width, Height * 0.8, "Norm of the merged task vector by round");
    }

    private static PlotModel Create(string title)
    {
        PlotModel model = SvgChart.CreateModel();
        model.Axes.Add(SvgChart.Style(new LinearAxis
        {
            Position = AxisPosition.Bottom,
            Title = "optimizer steps of each task",
            MinimumMajorStep = 1,
            MinimumPadding = 0.01,
            MaximumPadding = 0.02,
            AxisTitleDistance = 8,
        }));
        model.Axes.Add(SvgChart.Style(new LinearAxis
        {
            Position = AxisPosition.Left,
            Title = title,
            MajorGridlineStyle = LineStyle.Solid,
            MinimumPadding = 0.08,
            MaximumPadding = 0.08,
            AxisTitleDistance = 18,
        }));
        // Outside of the plot, so that it never covers a line.
        model.Legends.Add(new Legend
        {
            LegendPlacement = LegendPlacement.Outside,
            LegendPosition = LegendPosition.RightTop,
            LegendOrientation = LegendOrientation.Vertical,
            LegendTextColor = ChartColors.Ink,
            LegendFontSize = SvgChart.FontSize,
            LegendSymbolLength = 28,
            LegendItemSpacing = 12,
            LegendLineSpacing = 4,
            LegendMargin = 16,
        });
        return model;
    }

    private static void AddLines(PlotModel model, ExperimentResult result, Func<RoundSeries, IReadOnlyList<double>> values)
    {
        for (int i = 0; i < result.Rounds.Count; i++)
        {
            IReadOnlyList<double> points = values(result.Rounds[i]);
            var line = new LineSeries
            {
                Title = Printable.Of(result.Rounds[i].Method),
                Color = ChartColors.Series(i),
                StrokeThickness = 2.2,
                MarkerType = points.Count <= 16 ? MarkerType.Circle : MarkerType.None,
                MarkerSize = 3.2,
                MarkerFill = ChartColors.Series(i),
                LineJoin = LineJoin.Round,
            };
            line.Points.AddRange(points.Zip(result.Rounds[i].Steps, (value, steps) => new DataPoint(steps, value)));
            model.Series.Add(line);
        }
    }
}
