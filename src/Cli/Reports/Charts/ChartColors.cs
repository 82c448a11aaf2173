using System.Globalization;
using OxyPlot;

namespace MergeEngine.Cli.Reports.Charts;

/// <summary>
/// Colours of charts as roles. A chart is drawn with one marker colour a role, and the marker is replaced by a CSS variable afterwards, so that one drawing
/// fits the light and the dark scheme of the page.
/// </summary>
internal static class ChartColors
{
    public const int SeriesCount = 8;

    public static readonly OxyColor Ink = Marker(1);
    public static readonly OxyColor Muted = Marker(2);
    public static readonly OxyColor Grid = Marker(3);
    public static readonly OxyColor Positive = Marker(4);
    public static readonly OxyColor Negative = Marker(5);

    /// <summary>Colour of the i-th line; they repeat after eight.</summary>
    public static OxyColor Series(int index) => Marker(16 + index % SeriesCount);

    /// <summary>Every marker as OxyPlot writes it, and the variable that takes its place.</summary>
    public static IEnumerable<(string Marker, string Variable)> Replacements()
    {
        yield return (Text(Ink), "var(--ink)");
        yield return (Text(Muted), "var(--muted)");
        yield return (Text(Grid), "var(--grid)");
        yield return (Text(Positive), "var(--positive)");
        yield return (Text(Negative), "var(--negative)");
        for (int i = 0; i < SeriesCount; i++) yield return (Text(Series(i)), string.Create(CultureInfo.InvariantCulture, $"var(--series-{i + 1})"));
    }

    private static OxyColor Marker(byte role) => OxyColor.FromRgb(1, 254, role);

    private static OxyColor Marker(int role) => Marker((byte)role);

    private static string Text(OxyColor color) => string.Create(CultureInfo.InvariantCulture, $"rgb({color.R},{color.G},{color.B})");
}
