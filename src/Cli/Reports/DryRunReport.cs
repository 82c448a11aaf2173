using System.Globalization;
using System.Text.Json.Serialization;
using MergeEngine.Cli.Terminal;
using MergeEngine.Merging.Streaming.Execution;
using MergeEngine.Merging.Streaming.Planning.Reports;
using MergeEngine.Merging.Streaming.Runs;

namespace MergeEngine.Cli.Reports;

/// <summary>What <c>merge --dry-run</c> shows: the plan of each document, and how long the disk would need.</summary>
internal sealed record DryRunReport(IReadOnlyList<DryRunDocument> Documents, DiskRates Disk, double Seconds)
{
    /// <summary>Measures the disk, and divides.</summary>
    public static DryRunReport Measure(IReadOnlyList<PreviewedMerge> plans, MergeOptions options)
    {
        IEnumerable<string> files = plans.SelectMany(p => p.Files);
        DiskRates disk = DiskRates.Measure(files, System.IO.Path.Combine(options.WorkingDirectory, plans[^1].Path));
        return new DryRunReport([.. plans.Select(p => new DryRunDocument(p.Document, p.Path, p.Plan, p.Estimate))], disk, plans.Sum(p => disk.SecondsFor(p.Estimate)));
    }

    public void Print(TextWriter output)
    {
        foreach (DryRunDocument document in Documents)
        {
            if (Documents.Count > 1) output.WriteLine($"== {Printable.Of(document.Document ?? "result")}: {Printable.Of(document.Path)}");
            PlanText.Write(document.Plan, output);
            if (Documents.Count > 1) output.WriteLine();
        }

        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"about {Rate.Duration(Seconds)} at the disk's rate, measured just now: {Rate.Format(Disk.ReadBytesPerSecond, "B")} to read{(Disk.ReadIsOfInputs ? "" : " (no input to measure with)")}, {Rate.Format(Disk.WriteBytesPerSecond, "B")} to write{(Disk.WriteIsOfOutput ? "" : " (no room to measure with)")}"));
    }
}

/// <summary>One document.</summary>
internal sealed record DryRunDocument(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Document, string Path, PlanReport Plan, ExecutionEstimate Estimate);
