using System.Globalization;
using System.Text.Json.Serialization;
using MergeEngine.Cli.Terminal;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Datasets.Images;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Reports;

/// <summary>What <c>inspect</c> found in a dataset of images.</summary>
internal sealed record InspectDatasetReport(string Path, string Task, int Samples, IReadOnlyList<string> Classes, IReadOnlyList<InspectSplit> Splits)
{
    /// <summary>Files that are named on a terminal; JSON has them all.</summary>
    private const int ShownFaults = 20;

    /// <summary>A row for each class, a column for each split; then what decoding found.</summary>
    public void Print(TextWriter output)
    {
        var table = new TextTable(["class", .. Splits.Select(split => split.Name)]).AlignRight([.. Enumerable.Range(1, Splits.Count)]);
        for (int c = 0; c < Classes.Count; c++) table.Add([Printable.Of(Classes[c]), .. Splits.Select(split => Number(split.SamplesByClass.Count > c ? split.SamplesByClass[c] : 0))]);
        table.Add(["", .. Splits.Select(split => Number(split.Samples))]);
        table.Write(output);
        output.WriteLine();
        foreach (InspectSplit split in Splits)
        {
            if (split.Images is not { } images) continue;
            if (images.Readable > 0) output.WriteLine($"{split.Name}: {Counting.Of(images.Readable, "image")} can be read, {images.MinHeight} to {images.MaxHeight} pixels high and {images.MinWidth} to {images.MaxWidth} wide");
            foreach (string fault in images.Faults.Take(ShownFaults)) output.WriteLine(Printable.Of(fault));
            if (images.Faults.Count > ShownFaults) output.WriteLine($"and {images.Faults.Count - ShownFaults} more in {split.Name} that cannot be read (--json lists them)");
        }

        output.WriteLine($"{Counting.Of(Classes.Count, "class", "classes")}, {Counting.Of(Samples, "image")}");
    }

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}

/// <summary>One split; <see cref="Images"/> is null where the images were not decoded.</summary>
internal sealed record InspectSplit(
    string Name, int Samples, IReadOnlyList<int> SamplesByClass, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] InspectImages? Images)
{
    public static InspectSplit Of(DatasetSplit split, int classes, ImageStatistics? statistics)
    {
        int[] counts = new int[classes];
        foreach (int label in split.Labels) counts[label]++;
        return new InspectSplit(split.Name, split.Count, split.Labels.IsEmpty ? [] : counts, statistics is null ? null : InspectImages.From(statistics));
    }
}

/// <summary>Sizes of the images that can be read, and a sentence for each of the others.</summary>
internal sealed record InspectImages(int Readable, int MinHeight, int MinWidth, int MaxHeight, int MaxWidth, IReadOnlyList<string> Faults)
{
    public static InspectImages From(ImageStatistics statistics) =>
        new(statistics.Readable, statistics.Smallest.Height, statistics.Smallest.Width, statistics.Largest.Height, statistics.Largest.Width, statistics.Faults);
}
