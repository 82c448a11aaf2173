using MergeEngine.Cli.Terminal;
using MergeEngine.Tensors.Probes;

namespace MergeEngine.Cli.Reports.Tables;

/// <summary>Where the time went, operation by operation.</summary>
internal static class ProfileTable
{
    /// <summary>Writes nothing for a command without a profile.</summary>
    public static void Write(ProfileShares? profile, TextWriter output)
    {
        if (profile is null) return;
        output.WriteLine();
        TextTable table = new TextTable("operation", "size", "calls", "ms", "% of time", "rate", "unit", "% of ceiling").AlignRight(2, 3, 4, 5, 7);
        foreach (OperationShare row in profile.Operations)
        {
            table.Add(
                row.Name, row.Size, Figures.Count(row.Calls), Figures.Decimals(1e3 * row.Seconds, 3), Figures.Percent(100 * row.Part), Figures.Decimals(row.Rate, 1), row.Unit,
                Percent(row.Share));
        }

        double rest = Math.Max(0, profile.Seconds - profile.OperationSeconds);
        table.Add("outside of operations", "", "", Figures.Decimals(1e3 * rest, 3), Figures.Percent(100 * rest / profile.Seconds), "", "", "");
        table.Write(output);
        if (profile is { PeakGflops: { } peak, CopyGbps: { } copy })
            output.WriteLine($"Ceilings: {Figures.Decimals(peak, 0)} GFLOP/s of multiply-adds without memory, for products and attention; {Figures.Decimals(copy, 1)} GB/s of a plain copy, for the rest (more where data lay in a cache).");
    }

    private static string Percent(double? share) => share is { } value ? Figures.Percent(100 * value) : "–";
}
