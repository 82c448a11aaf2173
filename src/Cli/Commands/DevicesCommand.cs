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
    private static readonly string[] Names = ["cpu", "reference"];

    public static Command Create()
    {
        var command = new ExampleCommand("devices", "List the devices that are here, and why one cannot be used.", "devices", "devices --json") { CommonOptions.Json };
        command.Runs(Run);
        return command;
    }

    private static void Run(CommandContext context)
    {
        DeviceReport[] devices = [.. Names.Select(Probe)];
        var report = new DevicesReport(
            RuntimeInformation.FrameworkDescription,
            Environment.ProcessorCount,
            GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
            [.. SimdLevels.Supported.Select(level => (int)level)],
            (int)SimdLevels.Best,
            devices);
        context.Write(report, CliJson.Default.DevicesReport, Print);
    }

    private static DeviceReport Probe(string name)
    {
        try
        {
            using Device device = Device.Open(name);
            return new DeviceReport(name, true, device.Description, null);
        }
        catch (Exception exception) when (exception is NotSupportedException or InsufficientMemoryException)
        {
            return new DeviceReport(name, false, null, exception.Message);
        }
    }

    private static void Print(DevicesReport report, TextWriter output)
    {
        var table = new TextTable("device", "usable", "what it is");
        foreach (DeviceReport device in report.Devices) table.Add(device.Name, device.Usable ? "yes" : "no", device.Description ?? device.Problem ?? "");
        table.Write(output);
        output.WriteLine();
        output.WriteLine($"{report.Runtime}, {report.Cores} cores, {report.MemoryBytes / (1 << 20)} MiB memory");
        output.WriteLine($"vectors: {string.Join(", ", report.VectorBits)} bits; {report.BestVectorBits} is used ({SimdLevels.EnvironmentVariable} forces another)");
    }
}
