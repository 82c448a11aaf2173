using System.CommandLine;
using MergeEngine.Cli.CommandLine;
using MergeEngine.Cli.Reports;
using MergeEngine.Cli.Reports.Tables;
using MergeEngine.Cli.Terminal;
using MergeEngine.Models.Probes;
using MergeEngine.Tensors.Probes;

namespace MergeEngine.Cli.Commands;

/// <summary><c>bench step</c> and <c>bench latency</c>: how long whole encoders take.</summary>
internal static class BenchEncoder
{
    public static readonly Option<string> Model = CommonOptions.Choice("--model", "Encoder of 'step' and 'latency'.", required: false, [.. EncoderThroughput.Models]);

    public static readonly Option<int> BatchSize = CommonOptions.Number("--batch", "Samples of a pass; 32 of a step and 1 of 'latency' if left out.", 1, 65536, "N");

    public static IReadOnlyList<Option> Options { get; } = [Model, BatchSize, ProfileOption.Profile];

    public static void Run(CommandContext context, bool step, int rounds)
    {
        using var frame = new BenchFrame(context, step ? "step" : "latency");
        bool small = context.DeviceName == "emulated" && !context.Has(Model);
        if (small) CommandContext.Note("The emulated device is slow: it runs vit-tiny.");
        string model = small ? "vit-tiny" : context.Get(Model)!;
        int batch = context.Get(BatchSize);
        if (batch == 0) batch = step ? 32 : 1;
        if (rounds == 0) rounds = step ? 20 : 200;
        (PassTime time, ProfileShares? profile) = ProfileOption.Run(context, frame.Device, running => CommandContext.WithProgress("passes", sink =>
        {
            void Report(int done) => sink.Report(model, done, rounds);
            return step
                ? EncoderThroughput.TrainingStep(frame.Device, model, batch, rounds, Report, running, context.Stop)
                : EncoderThroughput.Forward(frame.Device, model, batch, rounds, Report, running, context.Stop);
        }));
        context.Write(frame.Report<PassTime>([time], peak: time.PeakGflops ?? 0, profile: profile), CliJson.Default.PassBench, Print);
    }

    private static void Print(BenchReport<PassTime> report, TextWriter output)
    {
        BenchFrame.PrintHead(report, output);
        TextTable table = new TextTable("model", "pass", "batch", "best (ms)", "median (ms)", "p99 (ms)", "GFLOP/s", "of the peak (%)", "allocated (bytes)").AlignRight(2, 3, 4, 5, 6, 7, 8);
        foreach (PassTime time in report.Results)
        {
            table.Add(
                time.Model, time.Pass, $"{time.Batch}", Figures.Decimals(time.Best, 3), Figures.Decimals(time.Median, 3), Figures.Decimals(time.P99, 3), Figures.Decimals(time.Gflops, 0),
                Figures.Percent(100 * time.Gflops / report.PeakGflops), $"{time.AllocatedBytes}");
        }

        table.Write(output);
        ProfileTable.Write(report.Profile, output);
    }
}
