using System.CommandLine;
using MergeEngine.Cli.CommandLine;
using MergeEngine.Cli.Reports;
using MergeEngine.Cli.Reports.Tables;
using MergeEngine.Cli.Terminal;
using MergeEngine.Models.Probes;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations.Reference;
using MergeEngine.Tensors.Probes;

namespace MergeEngine.Cli.Commands;

/// <summary><c>bench gemm|elementwise</c>: what kernels reach of this machine's ceilings; <c>bench step|latency</c>: how long whole encoders take;
/// <c>bench merge</c>: how long merges of files take beside the files alone.</summary>
internal static class BenchCommand
{
    private static readonly Argument<string> Kernels = new("KERNELS")
    {
        Description = "'gemm' (matrix products), 'elementwise' (passes over vectors), 'step' (a training step of an encoder), 'latency' (one sample from the host and back) or 'merge' (models of files to a model of files).",
        CustomParser = result => OptionValue.Word(result, ["gemm", "elementwise", "step", "latency", "merge"]),
    };

    private static readonly Option<string> Model = CommonOptions.Choice("--model", "Encoder of 'step' and 'latency'.", required: false, [.. EncoderThroughput.Models]);

    private static readonly Option<int> BatchSize = CommonOptions.Number("--batch", "Samples of a step; 32 if left out.", 1, 65536, "N");

    private static readonly Option<int> Rounds = CommonOptions.Number("--rounds", "Passes to time; 20 steps, 200 forward passes or 5 merges if left out.", 1, 1_000_000, "N");

    public static Command Create()
    {
        var command = new ExampleCommand(
            "bench", "Measure kernels beside the machine's ceilings: multiply-adds without memory, and a plain copy.",
            "bench gemm", "bench elementwise --device cuda --json", "bench step --model vit-b-32 --batch 32", "bench latency --rounds 1000",
            "bench merge --models 8 --json")
        {
            Kernels,
            Model,
            BatchSize,
            Rounds,
            BenchMerge.Models,
            BenchMerge.Parameters,
            BenchMerge.MemoryLimit,
            BenchMerge.Directory,
            BenchMerge.Method,
            CommonOptions.Device,
            CommonOptions.Precision,
            CommonOptions.Threads,
            CommonOptions.Json,
        };
        command.Runs(Run);
        return command;
    }

    private static void Run(CommandContext context)
    {
        if (context.Get(Kernels) == "merge")
        {
            foreach (Option option in new Option[] { Model, BatchSize })
            {
                if (context.Has(option)) throw new UsageException($"{option.Name} was given, but 'bench merge' has no encoder: it is for 'step' and 'latency'.");
            }

            int rounds = context.Get(Rounds);
            BenchMerge.Run(context, rounds == 0 ? 5 : rounds);
            return;
        }

        foreach (Option option in BenchMerge.Options)
        {
            if (context.Has(option)) throw new UsageException($"{option.Name} was given, but 'bench {context.Get(Kernels)}' merges nothing: it is for 'merge'.");
        }

        if (context.Get(Kernels) is "step" or "latency")
        {
            RunEncoder(context);
            return;
        }

        foreach (Option option in new Option[] { Model, BatchSize, Rounds })
        {
            if (context.Has(option)) throw new UsageException($"{option.Name} was given, but 'bench {context.Get(Kernels)}' has no encoder: it is for 'step' and 'latency'.");
        }

        using Device device = context.OpenDevice();
        if (device is ReferenceDevice) throw new UsageException("--device is 'reference', expected cpu, cuda, cuda:N or emulated: it is not made for speed.");
        IEnumerable<KernelRate> rates = context.Get(Kernels) == "gemm" ? KernelThroughput.Products(device, context.Stop) : KernelThroughput.Elementwise(device, context.Stop);
        context.Write(new BenchReport(device.Name, device.Description, CommonOptions.NameOf(device.Precision), [.. rates]), CliJson.Default.BenchReport, Print);
    }

    private static void RunEncoder(CommandContext context)
    {
        using Device device = context.OpenDevice();
        bool step = context.Get(Kernels) == "step";
        bool small = context.DeviceName == "emulated" && !context.Has(Model);
        if (small) CommandContext.Note("The emulated device is slow: it runs vit-tiny.");
        string model = small ? "vit-tiny" : context.Get(Model)!;
        int batch = context.Get(BatchSize), rounds = context.Get(Rounds);
        if (batch == 0) batch = step ? 32 : 1;
        if (rounds == 0) rounds = step ? 20 : 200;
        PassTime time = CommandContext.WithProgress("passes", sink =>
        {
            void Report(int done) => sink.Report(model, done, rounds);
            return step
                ? EncoderThroughput.TrainingStep(device, model, batch, rounds, Report, context.Stop)
                : EncoderThroughput.Forward(device, model, batch, rounds, Report, context.Stop);
        });
        context.Write(new PassReport(device.Name, device.Description, CommonOptions.NameOf(device.Precision), time), CliJson.Default.PassReport, Print);
    }

    private static void Print(PassReport report, TextWriter output)
    {
        PassTime time = report.Time;
        output.WriteLine($"{report.Device} ({report.Description}), {report.Precision}");
        TextTable table = new TextTable("model", "pass", "batch", "median (ms)", "p99 (ms)", "GFLOP/s", "allocated (bytes)").AlignRight(2, 3, 4, 5, 6);
        table.Add(
            time.Model, time.Pass, $"{time.Batch}", Figures.Decimals(time.Median, 3), Figures.Decimals(time.P99, 3), Figures.Decimals(time.Gflops, 0), $"{time.AllocatedBytes}");
        table.Write(output);
    }

    private static void Print(BenchReport report, TextWriter output)
    {
        output.WriteLine($"{report.Device} ({report.Description}), {report.Precision}");
        TextTable table = new TextTable("kernel", "rate", "ceiling", "unit", "share (%)").AlignRight(1, 2, 4);
        foreach (KernelRate rate in report.Kernels)
            table.Add(rate.Name, Figures.Decimals(rate.Rate, 1), Figures.Decimals(rate.Ceiling, 1), rate.Unit, Figures.Percent(100 * rate.Share));
        table.Write(output);
        if (report.Device == "emulated") output.WriteLine("Figures of the emulated device tell nothing about a GPU; its products do not even run as kernels.");
    }
}
