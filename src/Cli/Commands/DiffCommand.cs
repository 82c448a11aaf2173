using System.CommandLine;
using System.Globalization;
using MergeEngine.Cli.CommandLine;
using MergeEngine.Cli.Reports;
using MergeEngine.Cli.Terminal;
using MergeEngine.Merging.Streaming.Comparison;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Commands;

/// <summary><c>diff A B</c>: how two checkpoints differ, tensor by tensor.</summary>
internal static class DiffCommand
{
    private static readonly Argument<string> First = new("A") { Description = "A .safetensors file, a sharded index, or a model directory." };

    private static readonly Argument<string> Second = new("B") { Description = "Another one, in as many files as it likes." };

    private static readonly Option<double?> Tolerance = new("--tolerance")
    {
        Description = "The largest difference of two values that counts as equal; types may then differ too.",
        HelpName = "X",
        CustomParser = result => OptionValue.Parse<double>(result, "a number from 0 on", value => value >= 0 && double.IsFinite(value)),
    };

    private static readonly Option<bool> All = new("--all") { Description = "List every common tensor, the equal ones too." };

    public static Command Create()
    {
        var command = new ExampleCommand(
            "diff", "Compare two checkpoints tensor by tensor; exit code 0 if they are equal, 1 if not.",
            "diff merged/ expected/", "diff a.safetensors b.safetensors --tolerance 1e-6 --json")
        {
            First,
            Second,
            Tolerance,
            All,
            CommonOptions.Threads,
            CommonOptions.Json,
        };
        command.Runs(Run);
        return command;
    }

    private static int Run(CommandContext context)
    {
        using Checkpoint first = Checkpoint.Open(context.Get(First)), second = Checkpoint.Open(context.Get(Second));
        foreach (string warning in first.Warnings.Concat(second.Warnings)) CommandContext.Note($"{Printable.Of(warning)}");
        int threads = context.Threads > 0 ? context.Threads : Environment.ProcessorCount;
        double? tolerance = context.Get(Tolerance);
        long total = first.TotalByteLength;
        CheckpointComparison found = CommandContext.WithProgress(
            "B", sink => CheckpointComparison.Of(first, second, threads, bytes => sink.Report("comparing", bytes, total), context.Stop));
        bool equal = found.AreEqual(tolerance);
        var report = new DiffReport(
            first.Path, second.Path, equal, tolerance, found.OnlyInFirst, found.OnlyInSecond, found.Unlike, [.. found.Tensors.Select(t => DiffTensor.From(t, tolerance))]);
        context.Write(report, CliJson.Default.DiffReport, (r, output) => Print(r, output, context.Get(All)));
        return equal ? ExitCode.Done : ExitCode.Failed;
    }

    private static void Print(DiffReport report, TextWriter output, bool all)
    {
        foreach (string name in report.OnlyInFirst) output.WriteLine($"only in {Printable.Of(report.First)}: {Printable.Of(name)}");
        foreach (string name in report.OnlyInSecond) output.WriteLine($"only in {Printable.Of(report.Second)}: {Printable.Of(name)}");
        foreach (string sentence in report.Unlike) output.WriteLine(Printable.Of(sentence));
        DiffTensor[] shown = all ? report.Tensors : [.. report.Tensors.Where(t => !t.Equal)];
        if (shown.Length > 0)
        {
            var table = new TextTable("name", "dtype", "differing", "max", "mean", "ulps", "cosine", "nan").AlignRight(2, 3, 4, 5, 6, 7);
            foreach (DiffTensor tensor in shown) table.Add(Cells(tensor));
            table.Write(output);
            output.WriteLine();
        }

        int different = report.Tensors.Count(t => !t.Equal), other = report.OnlyInFirst.Count + report.OnlyInSecond.Count + report.Unlike.Count;
        int near = report.Tensors.Count(t => t.Equal && (t.Differing > 0 || t.OtherDType is not null));
        string within = report.Tolerance is { } tolerance ? $" within {Number(tolerance)}" : "", nearly = near > 0 ? $", {near} of them not to the bit" : "";
        string beyond = report.Tolerance is { } limit ? $" beyond {Number(limit)} ({report.Tensors.Length - different}{within}{nearly})" : "";
        output.WriteLine(report.Equal
            ? $"equal{within}: {Counting.Of(report.Tensors.Length, "tensor")}{nearly}"
            : $"different: {different} of {Counting.Of(report.Tensors.Length, "common tensor")}{beyond}, {Counting.Of(other, "other")}");
    }

    private static string[] Cells(DiffTensor tensor) =>
    [
        Printable.Of(tensor.Name),
        tensor.OtherDType is { } other ? $"{tensor.DType}, {other}" : tensor.DType,
        tensor.Differing.ToString(CultureInfo.InvariantCulture),
        Number(tensor.MaxAbs),
        Number(tensor.MeanAbs),
        tensor.MaxUlps?.ToString(CultureInfo.InvariantCulture) ?? "-",
        tensor.Cosine?.ToString("G10", CultureInfo.InvariantCulture) ?? "-",
        tensor.NaNInFirst == 0 && tensor.NaNInSecond == 0 ? "" : $"{tensor.NaNInFirst}, {tensor.NaNInSecond}",
    ];

    private static string Number(double? value) => value is { } number ? number.ToString("G6", CultureInfo.InvariantCulture) : "-";
}
