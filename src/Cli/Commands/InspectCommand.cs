using System.CommandLine;
using System.Globalization;
using MergeEngine.Cli.CommandLine;
using MergeEngine.Cli.Reports;
using MergeEngine.Cli.Terminal;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Datasets.Images;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Commands;

/// <summary><c>inspect PATH</c>: what a checkpoint holds, from its headers; with <c>--stats</c> from its values too. Of images: classes and samples.</summary>
internal static class InspectCommand
{
    private static readonly Argument<string> Path = new("PATH") { Description = "A .safetensors file, a sharded index, or a model directory; or a folder or list of images, or a directory of IDX files." };

    private static readonly Option<bool> Stats = new("--stats")
    {
        Description = "Read the values: minimum, maximum, mean, standard deviation, NaN and infinities of each tensor. Of images: decode all of them, for their sizes and those that cannot be read.",
    };

    public static Command Create()
    {
        var command = new ExampleCommand(
            "inspect", "List the tensors of a checkpoint: names, types, shapes, bytes and totals; or the classes of a folder of images, with their samples.",
            "inspect model.safetensors", "inspect clip-vit-base-patch32/ --stats", "inspect model.safetensors --json", "inspect eurosat/ --stats")
        {
            Path,
            Stats,
            CommonOptions.Json,
        };
        command.Runs(Run);
        return command;
    }

    private static void Run(CommandContext context)
    {
        if (Dataset.HoldsImages(context.Get(Path)))
        {
            InspectImages(context, context.Reading(() => Dataset.Open(context.Get(Path))));
            return;
        }

        using Checkpoint checkpoint = Checkpoint.Open(context.Get(Path));
        foreach (string warning in checkpoint.Warnings) CommandContext.Note($"{Printable.Of(warning)}");
        TensorStatistics?[] statistics = context.Get(Stats) ? Measure(checkpoint, context.Stop) : new TensorStatistics?[checkpoint.Names.Count];
        InspectTensor[] tensors = [.. checkpoint.Names.Select((name, i) => Describe(checkpoint[name], statistics[i]))];
        var report = new InspectReport(
            checkpoint.Path, checkpoint.Files.Count, tensors.Length, tensors.Sum(t => t.Elements), tensors.Sum(t => t.Bytes), checkpoint.Metadata, tensors);
        context.Write(report, CliJson.Default.InspectReport, Print);
    }

    private static void InspectImages(CommandContext context, Dataset data)
    {
        int total = data.Splits.Sum(split => split.Count), before = 0;
        var splits = new List<InspectSplit>();
        foreach (DatasetSplit split in data.Splits)
        {
            ImageStatistics? statistics = context.Get(Stats) && split.ImageFiles is { } files
                ? CommandContext.WithProgress("images", sink => ImageStatistics.Of(files, done => sink.Report($"decoding {split.Name}", before + done, total), context.Stop))
                : null;
            splits.Add(InspectSplit.Of(split, data.Classes.Count, statistics));
            before += split.Count;
        }

        var report = new InspectDatasetReport(data.Source, data.Name, total, [.. data.Classes], splits);
        context.Write(report, CliJson.Default.InspectDatasetReport, (r, text) => r.Print(text));
    }

    private static TensorStatistics?[] Measure(Checkpoint checkpoint, CancellationToken stop)
    {
        long total = checkpoint.TotalByteLength, done = 0;
        return CommandContext.WithProgress("B", sink =>
        {
            var results = new TensorStatistics?[checkpoint.Names.Count];
            Parallel.For(0, results.Length, new ParallelOptions { CancellationToken = stop, MaxDegreeOfParallelism = Environment.ProcessorCount }, i =>
            {
                string name = checkpoint.Names[i];
                TensorEntry entry = checkpoint[name];
                if (entry.DType.IsArithmetic()) results[i] = TensorStatistics.Of(checkpoint.FileOf(name), entry, stop);
                sink.Report("reading", Interlocked.Add(ref done, entry.ByteLength), total);
            });
            return results;
        });
    }

    private static InspectTensor Describe(TensorEntry entry, TensorStatistics? values) => new(
        entry.Name, entry.DType.Name(), [.. entry.Shape.Dimensions], entry.ElementCount, entry.ByteLength, values is null ? null : InspectStatistics.From(values));

    private static void Print(InspectReport report, TextWriter output)
    {
        bool stats = report.Tensors.Any(t => t.Statistics is not null);
        var table = stats
            ? new TextTable("name", "dtype", "shape", "bytes", "min", "max", "mean", "std", "nan", "inf").AlignRight(3, 4, 5, 6, 7, 8, 9)
            : new TextTable("name", "dtype", "shape", "bytes").AlignRight(3);
        foreach (InspectTensor tensor in report.Tensors)
        {
            string[] cells = [Printable.Of(tensor.Name), tensor.DType, $"[{string.Join(", ", tensor.Shape)}]", tensor.Bytes.ToString(CultureInfo.InvariantCulture)];
            table.Add(stats ? [.. cells, .. Cells(tensor.Statistics)] : cells);
        }

        table.Write(output);
        output.WriteLine();
        foreach ((string key, string value) in report.Metadata) output.WriteLine($"{Printable.Of(key)}: {Printable.Of(value)}");
        string files = report.Files == 1 ? "" : $" in {report.Files} files";
        output.WriteLine($"{Counting.Of(report.TensorCount, "tensor")}, {Counting.Of(report.Elements, "element")}, {Counting.Of(report.Bytes, "byte")}{files}");
    }

    private static string[] Cells(InspectStatistics? values) => values is null
        ? ["", "", "", "", "", ""]
        : [Number(values.Min), Number(values.Max), Number(values.Mean), Number(values.Std), $"{values.NaN}", $"{values.Inf}"];

    private static string Number(double? value) => value is { } number ? number.ToString("G6", CultureInfo.InvariantCulture) : "-";
}
