using System.Globalization;
using System.Text.RegularExpressions;
using OxyPlot;
using OxyPlot.Axes;

namespace MergeEngine.Cli.Reports.Charts;

/// <summary>Draws a plot as SVG that stands inside a page: scales with it, takes its colours, asks for nothing from outside.</summary>
internal static partial class SvgChart
{
    public const string Font = "system-ui, sans-serif";
    public const double FontSize = 13;

    /// <summary>A plot with the page's look and no axes yet.</summary>
    public static PlotModel CreateModel() => new()
    {
        DefaultFont = Font,
        DefaultFontSize = FontSize,
        TextColor = ChartColors.Ink,
        PlotAreaBorderColor = OxyColors.Undefined,
        PlotAreaBorderThickness = new OxyThickness(0),
        Background = OxyColors.Undefined,
        Padding = new OxyThickness(14, 8, 12, 6),
    };

    /// <summary>Gives an axis the page's look.</summary>
    public static T Style<T>(T axis)
        where T : Axis
    {
        axis.AxislineStyle = LineStyle.None;
        axis.TicklineColor = OxyColors.Undefined;
        axis.MinorTickSize = 0;
        axis.TextColor = ChartColors.Muted;
        axis.TitleColor = ChartColors.Muted;
        axis.TitleFontSize = FontSize;
        axis.MajorGridlineColor = ChartColors.Grid;
        axis.MajorGridlineThickness = 1;
        axis.IsZoomEnabled = false;
        return axis;
    }

    /// <param name="model">What to draw.</param>
    /// <param name="width">Width in CSS pixels at full size.</param>
    /// <param name="height">Height in CSS pixels at full size.</param>
    /// <param name="label">What a screen reader says.</param>
    public static string Draw(PlotModel model, double width, double height, string label)
    {
        var exporter = new SvgExporter { Width = width, Height = height, IsDocument = false, UseVerticalTextAlignmentWorkaround = true, TextMeasurer = new GenerousTextMeasurer() };
        string svg = exporter.ExportToString(model);
        foreach ((string marker, string variable) in ChartColors.Replacements()) svg = svg.Replace(marker, variable, StringComparison.OrdinalIgnoreCase);
        // Nothing is drawn outside of its plot, and the clip paths of several charts on one page would share their names.
        svg = Clipping().Replace(svg, "");
        string opening = string.Create(
            CultureInfo.InvariantCulture,
            $"<svg class=\"chart\" style=\"max-width:{width}px\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{Html.Markup.Escape(label)}\">");
        // The namespace declarations of a document have no meaning inside HTML.
        return Opening().Replace(svg, opening.Replace("$", "$$", StringComparison.Ordinal), 1);
    }

    [GeneratedRegex("<defs>.*?</defs>| clip-path=\"[^\"]*\"", RegexOptions.Singleline)]
    private static partial Regex Clipping();

    [GeneratedRegex("<svg[^>]*>")]
    private static partial Regex Opening();
}
