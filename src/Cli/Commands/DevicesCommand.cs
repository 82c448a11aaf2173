using System.CommandLine;
using System.Runtime.InteropServices;
using MergeEngine.Cli.CommandLine;
using MergeEngine.Cli.Reports;
using MergeEngine.Cli.Terminal;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Cpu;

namespace MergeEngine.Cli.Commands;

/// <summary><c>devices</c>: what the engine can compute on here.</summary>
internal static class DevicesCommand
{
    public static Command Create()
    {
        var command = new ExampleCommand("devices", "List the devices that are here, and why one cannot be used.", "devices", "devices --json") { CommonOptions.Json };
        command.Runs(Run);
        return command;
    }

    private static void Run(CommandContext context)
    {
        DeviceReport[] devices = [.. DeviceCatalog.List().Select(device => new DeviceReport(device.Name, device.IsUsable, device.Description, device.Problem))];
        var report = new DevicesReport(
            RuntimeInformation.FrameworkDescription,
            Environment.ProcessorCount,
            GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
            [.. SimdLevels.Supported.Select(level => (int)level)],
            (int)SimdLevels.Best,
            devices);
        context.Write(report, CliJson.Default.DevicesReport, Print);
    }

    private static void Print(DevicesReport report, TextWriter output)
    {
        var table = new TextTable("device", "usable", "what it is");
        foreach (DeviceReport device in report.Devices) table.Add(device.Name, device.Usable switch { true => "yes", false => "no", null => "not tried" }, device.Description ?? device.Problem ?? "");
        table.Write(output);
        output.WriteLine();
        output.WriteLine("cuda is an NVIDIA GPU; emulated runs the GPU's code on the CPU, slowly, for tests; reference computes in plain float64 loops, to compare with.");
        output.WriteLine($"{report.Runtime}, {report.Cores} cores, {report.MemoryBytes / (1 << 20)} MiB memory");
        output.WriteLine($"vectors: {string.Join(", ", report.VectorBits)} bits; {report.BestVectorBits} is used ({SimdLevels.EnvironmentVariable} forces another)");
    }
}
