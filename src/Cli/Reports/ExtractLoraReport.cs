using System.Globalization;
using MergeEngine.Cli.Terminal;
using MergeEngine.Merging.Adapters.Extraction;
using MergeEngine.Tensors.Safetensors;

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
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Printable.Of(Path)}: {Counting.Of(Modules.Count, "module")} up to rank {Rank}, {Whole.Count} whole, {Counting.Of(Parameters, "parameter")}"));
    }
}
