using System.Globalization;
using MergeEngine.Merging.Experiments;

namespace MergeEngine.Cli.Reports.Tables;

/// <summary>Numbers as every table and report prints them.</summary>
internal static class Figures
{
    /// <summary>One decimal: 600 test images give steps of 0.17.</summary>
    public static string Percent(double value) => double.IsFinite(value) ? value.ToString("0.0", CultureInfo.InvariantCulture) : "–";

    public static string Signed(double value) => double.IsFinite(value) ? value.ToString("+0.0;−0.0;0.0", CultureInfo.InvariantCulture) : "–";

    public static string Seconds(double value) => double.IsFinite(value) ? value.ToString("0.0", CultureInfo.InvariantCulture) : "–";

    public static string Count(long value) => value.ToString("#,0", CultureInfo.InvariantCulture);

    public static string Short(double value) => double.IsFinite(value) ? value.ToString("0.####", CultureInfo.InvariantCulture) : "–";

    /// <summary>A fixed number of decimals, with a minus sign as wide as a digit and none before zero.</summary>
    public static string Decimals(double value, int decimals)
    {
        if (!double.IsFinite(value)) return "–";
        string digits = "0." + new string('0', decimals);
        return value.ToString($"{digits};−{digits};{digits}", CultureInfo.InvariantCulture);
    }

    /// <summary>Such as <c>lambda 0.3, rho 0.99*</c>; a star marks what was chosen on validation data.</summary>
    public static string Parameters(MethodResult method) =>
        string.Join(", ", method.Parameters.Select(p => $"{p.Key} {Short(p.Value)}{(method.Searched.Contains(p.Key) ? "*" : "")}"));
}
