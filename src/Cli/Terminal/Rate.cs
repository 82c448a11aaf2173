using System.Globalization;

namespace MergeEngine.Cli.Terminal;

/// <summary>Numbers for people, the same in every culture.</summary>
internal static class Rate
{
    /// <summary>Three digits and a unit, such as <c>12.3 steps/s</c>; bytes become MB.</summary>
    public static string Format(double perSecond, string unit) => unit == "B"
        ? string.Create(CultureInfo.InvariantCulture, $"{perSecond / 1e6:0} MB/s")
        : string.Create(CultureInfo.InvariantCulture, $"{perSecond:G3} {unit}/s");

    /// <summary>Seconds as <c>12 s</c> or <c>3 min 05 s</c>.</summary>
    public static string Duration(double seconds) => seconds < 60
        ? string.Create(CultureInfo.InvariantCulture, $"{Math.Ceiling(seconds):0} s")
        : string.Create(CultureInfo.InvariantCulture, $"{(long)seconds / 60} min {(long)seconds % 60:00} s");
}
