using System.CommandLine;
using MergeEngine.Cli.CommandLine;
using MergeEngine.Cli.Reports;
using MergeEngine.Cli.Reports.Tables;
using MergeEngine.Cli.Terminal;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Cpu.Probes;

namespace MergeEngine.Cli.Commands;

/// <summary><c>bench gemm|elementwise</c>: what kernels reach of this machine's ceilings.</summary>
internal static class BenchCommand
{
    private static readonly Argument<string> Kernels = new("KERNELS")
    {
        Description = "'gemm' (matrix products) or 'elementwise' (passes over vectors).",
        CustomParser = result => OptionValue.Word(result, ["gemm", "elementwise"]),
    };

    public static Command Create()
    {
        var command = new ExampleCommand(
            "bench", "Measure kernels beside the machine's ceilings: multiply-adds without memory, and a plain copy.",
            "bench gemm", "bench elementwise --threads 1 --json")
        {
            Kernels,
            CommonOptions.Threads,
            CommonOptions.Json,
        };
        command.Runs(Run);
        return command;
    }

    private static void Run(CommandContext context)
    {
        using var device = new CpuDevice(context.Threads);
        IEnumerable<KernelRate> rates = context.Get(Kernels) == "gemm" ? KernelThroughput.Products(device, context.Stop) : KernelThroughput.Elementwise(device, context.Stop);
        var report = new BenchReport(device.Threads, (int)device.Simd, [.. rates]);
        context.Write(report, CliJson.Default.BenchReport, Print);
    }

    private static void Print(BenchReport report, TextWriter output)
    {
        output.WriteLine($"{report.Threads} threads, {report.VectorBits}-bit vectors");
        TextTable table = new TextTable("kernel", "rate", "ceiling", "unit", "share (%)").AlignRight(1, 2, 4);
        foreach (KernelRate rate in report.Kernels)
            table.Add(rate.Name, Figures.Decimals(rate.Rate, 1), Figures.Decimals(rate.Ceiling, 1), rate.Unit, Figures.Percent(100 * rate.Share));
        table.Write(output);
    }
}
