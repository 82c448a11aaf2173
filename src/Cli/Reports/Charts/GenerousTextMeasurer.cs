using OxyPlot;

namespace MergeEngine.Cli.Reports.Charts;

/// <summary>
/// Measures text wider and higher than Arial is. The page uses whatever interface font the reader's system has, and the widest common ones
/// (DejaVu Sans, Verdana) must still fit beside axes and in legends.
/// </summary>
internal sealed class GenerousTextMeasurer() : PdfRenderContext(1000, 1000, OxyColors.Undefined)
{
    private const double WidestFont = 1.45;
    private const double HighestFont = 1.25;

    public override OxySize MeasureText(string? text, string? fontFamily, double fontSize, double fontWeight)
    {
        OxySize size = base.MeasureText(text, fontFamily, fontSize, fontWeight);
        return new OxySize(size.Width * WidestFont, size.Height * HighestFont);
    }
}
