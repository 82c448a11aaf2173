using System.CommandLine;
using MergeEngine.Cli.CommandLine;
using MergeEngine.Cli.Reports;
using MergeEngine.Cli.Reports.Tables;
using MergeEngine.Cli.Terminal;
using MergeEngine.Models.Probes;
using MergeEngine.Tensors.Operations.Profiling;
using MergeEngine.Tensors.Probes;

namespace MergeEngine.Cli.Commands;

/// <summary><c>bench step</c> and <c>bench latency</c>: how long whole encoders take.</summary>
internal static class BenchEncoder
{
    private const string All = "all";

    /// <summary>What <c>--model all</c> measures: sizes that people serve and tune, and full batches beside one of mixed lengths.</summary>
    private static readonly (string Model, int Batch)[]
        s_latencies = [("minilm-8", 1), ("minilm-32", 1), ("minilm-128", 1), ("vit-b-32", 1), ("minilm-64", 32), ("minilm-mixed", 32), ("bert-base", 16)],
        s_steps = [("vit-b-32", 32), ("bert-base", 16), ("minilm-64", 32), ("minilm-mixed", 32)];

    public static readonly Option<string> Model = CommonOptions.Choice(
        "--model", "Encoder of 'step' and 'latency'; 'all' for a table of the usual ones.", required: false, [.. EncoderThroughput.Models, All]);

    public static readonly Option<int> BatchSize = CommonOptions.Number("--batch", "Samples of a pass; 32 of a step and 1 of 'latency' if left out.", 1, 8192, "N");

    public static IReadOnlyList<Option> Options { get; } = [Model, BatchSize, ProfileOption.Profile];

    public static void Run(CommandContext context, bool step, int rounds)
    {
        using var frame = new BenchFrame(context, step ? "step" : "latency");
        bool small = context.DeviceName == "emulated" && !context.Has(Model);
        if (small) CommandContext.Note("The emulated device is slow: it runs vit-tiny.");
        string model = small ? "vit-tiny" : context.Get(Model)!;
        if (model == All)
        {
            foreach (Option option in new Option[] { BatchSize, ProfileOption.Profile })
            {
                if (context.Has(option)) throw new UsageException($"{option.Name} was given with --model all, expected one encoder for it.");
            }

            PassTime[] times = [.. (step ? s_steps : s_latencies).Select(what => Measure(context, frame, step, what.Model, what.Batch, rounds, null))];
            context.Write(frame.Report<PassTime>(times, peak: times.Max(time => time.PeakGflops ?? 0)), CliJson.Default.PassBench, Print);
            return;
        }

        int batch = context.Get(BatchSize);
        if (batch == 0) batch = step ? 32 : 1;
        (PassTime time, ProfileShares? profile) = ProfileOption.Run(context, frame.Device, running => Measure(context, frame, step, model, batch, rounds, running));
        context.Write(frame.Report<PassTime>([time], peak: time.PeakGflops ?? 0, profile: profile), CliJson.Default.PassBench, Print);
    }

    /// <param name="context">The command line.</param>
    /// <param name="frame">The device.</param>
    /// <param name="step">Training steps, not forward passes.</param>
    /// <param name="model">The encoder.</param>
    /// <param name="batch">Samples of a pass.</param>
    /// <param name="rounds">Passes; 0 for as many as tell something.</param>
    /// <param name="profile">Of the device; null for none.</param>
    private static PassTime Measure(CommandContext context, BenchFrame frame, bool step, string model, int batch, int rounds, OperationProfile? profile)
    {
        if (rounds == 0) rounds = step || batch > 1 ? 20 : 200;
        return CommandContext.WithProgress("passes", sink =>
        {
            void Report(int done) => sink.Report(model, done, rounds);
            return step
                ? EncoderThroughput.TrainingStep(frame.Device, model, batch, rounds, Report, profile, context.Stop)
                : EncoderThroughput.Forward(frame.Device, model, batch, rounds, Report, profile, context.Stop);
        });
    }

    private static void Print(BenchReport<PassTime> report, TextWriter output)
    {
        BenchFrame.PrintHead(report, output);
        TextTable table = new TextTable("model", "pass", "batch", "best (ms)", "median (ms)", "p99 (ms)", "GFLOP/s", "of the peak (%)", "allocated (bytes)").AlignRight(2, 3, 4, 5, 6, 7, 8);
        foreach (PassTime time in report.Results)
        {
            table.Add(
                time.Model, time.Pass, $"{time.Batch}", Figures.Decimals(time.Best, 3), Figures.Decimals(time.Median, 3), Figures.Decimals(time.P99, 3), Figures.Decimals(time.Gflops, 0),
                Figures.Percent(100 * time.Gflops / (time.PeakGflops ?? report.PeakGflops)), $"{time.AllocatedBytes}");
        }

        table.Write(output);
        ProfileTable.Write(report.Profile, output);
    }
}
