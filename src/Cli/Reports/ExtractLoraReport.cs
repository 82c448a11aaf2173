using System.Globalization;
using MergeEngine.Cli.Terminal;
using MergeEngine.Merging.Adapters.Extraction;

namespace MergeEngine.Cli.Reports;

/// <summary>An adapter that was extracted.</summary>
internal sealed record ExtractLoraReport(string Path, int Rank, long Parameters, IReadOnlyList<ExtractedModule> Modules, IReadOnlyList<string> Whole, IReadOnlyList<string> Notes, string Device)
{
    public void Print(TextWriter output)
    {
        var table = new TextTable("module", "rank", "kept").AlignRight(1, 2);
        foreach (ExtractedModule module in Modules) table.Add(Printable.Of(module.Name), module.Rank.ToString(CultureInfo.InvariantCulture), module.Kept.ToString("0.0000", CultureInfo.InvariantCulture));
        table.Write(output);
        output.WriteLine();
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Printable.Of(Path)}: {(Modules.Count == 1 ? "1 module" : $"{Modules.Count} modules")} up to rank {Rank}, {Whole.Count} whole, {(Parameters == 1 ? "1 parameter" : $"{Parameters} parameters")}"));
    }
}
