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

/// <summary><c>bench gemm|elementwise</c>: what kernels reach of this machine's ceilings; <c>bench step|latency</c>: how long whole encoders take.</summary>
internal static class BenchCommand
{
    private static readonly Argument<string> Kernels = new("KERNELS")
    {
        Description = "'gemm' (matrix products), 'elementwise' (passes over vectors), 'step' (a training step of an encoder) or 'latency' (one sample from the host and back).",
        CustomParser = result => OptionValue.Word(result, ["gemm", "elementwise", "step", "latency"]),
    };

    private static readonly Option<string> Model = CommonOptions.Choice("--model", "Encoder of 'step' and 'latency'.", required: false, [.. EncoderThroughput.Models]);

    private static readonly Option<int> BatchSize = CommonOptions.Number("--batch", "Samples of a step; 32 if left out.", 1, 65536, "N");

    private static readonly Option<int> Rounds = CommonOptions.Number("--rounds", "Passes to time; 20 steps or 200 forward passes if left out.", 1, 1_000_000, "N");

    public static Command Create()
    {
        var command = new ExampleCommand(
            "bench", "Measure kernels beside the machine's ceilings: multiply-adds without memory, and a plain copy.",
            "bench gemm", "bench elementwise --device cuda --json", "bench step --model vit-b-32 --batch 32", "bench latency --rounds 1000")
        {
            Kernels,
            Model,
            BatchSize,
            Rounds,
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
        if (context.Get(Kernels) is "step" or "latency")
        {
            RunEncoder(context);
            return;
        }

        using Device device = context.OpenDevice();
        if (device is ReferenceDevice) throw new UsageException("--device is 'reference', expected cpu, cuda, cuda:N or emulated: it is not made for speed.");
        IEnumerable<KernelRate> rates = context.Get(Kernels) == "gemm" ? KernelThroughput.Products(device, context.Stop) : KernelThroughput.Elementwise(device, context.Stop);
        context.Write(new BenchReport(device.Name, device.Description, device.Precision.ToString(), [.. rates]), CliJson.Default.BenchReport, Print);
    }

    private static void RunEncoder(CommandContext context)
    {
        using Device device = context.OpenDevice();
        bool step = context.Get(Kernels) == "step";
        string model = context.Get(Model)!;
        int batch = context.Get(BatchSize), rounds = context.Get(Rounds);
        PassTime time = step
            ? EncoderThroughput.TrainingStep(device, model, batch > 0 ? batch : 32, rounds > 0 ? rounds : 20, context.Stop)
            : EncoderThroughput.Forward(device, model, batch > 0 ? batch : 1, rounds > 0 ? rounds : 200, context.Stop);
        context.Write(new PassReport(device.Name, device.Description, device.Precision.ToString(), time), CliJson.Default.PassReport, Print);
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
    }
}
