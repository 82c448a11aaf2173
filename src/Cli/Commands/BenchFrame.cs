using MergeEngine.Cli.CommandLine;
using MergeEngine.Cli.Reports;
using MergeEngine.Cli.Reports.Tables;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations.Reference;
using MergeEngine.Tensors.Probes;

namespace MergeEngine.Cli.Commands;

/// <summary>What all suites of <c>bench</c> share: the device, and its ceilings, which are measured before anything else.</summary>
internal sealed class BenchFrame : IDisposable
{
    private readonly string _suite;
    private readonly int _threads;

    /// <summary>Opens the device and measures its ceilings.</summary>
    /// <exception cref="UsageException">The device is not made for speed.</exception>
    public BenchFrame(CommandContext context, string suite)
    {
        _suite = suite;
        _threads = context.Threads == 0 ? Environment.ProcessorCount : context.Threads;
        Device = context.OpenDevice(inference: suite == "latency");
        try
        {
            if (Device is ReferenceDevice) throw new UsageException("--device is 'reference', expected cpu, cuda, cuda:N or emulated: it is not made for speed.");
            Ceilings = DeviceCeilings.Measure(Device, context.Stop);
        }
        catch
        {
            Device.Dispose();
            throw;
        }
    }

    public Device Device { get; }

    public DeviceCeilings Ceilings { get; }

    /// <summary>Puts figures into the frame.</summary>
    /// <param name="results">The figures.</param>
    /// <param name="peak">The best peak that was measured beside them; 0 for none.</param>
    /// <param name="copy">The best copy that was measured beside them; 0 for none.</param>
    /// <param name="setup">Of merges.</param>
    /// <param name="profile">Of encoders, where it was asked for.</param>
    public BenchReport<T> Report<T>(IReadOnlyList<T> results, double peak = 0, double copy = 0, MergeSetup? setup = null, ProfileShares? profile = null) => new()
    {
        Suite = _suite,
        Device = Device.Name,
        Description = Device.Description,
        Precision = CommonOptions.NameOf(Device.Precision),
        Threads = _threads,
        PeakGflops = Math.Max(peak, Ceilings.PeakGflops),
        MedianPeakGflops = Ceilings.MedianPeakGflops,
        CopyGbps = Math.Max(copy, Ceilings.CopyGbps),
        MedianCopyGbps = Ceilings.MedianCopyGbps,
        Machine = MachineDescription.Current,
        Setup = setup,
        Profile = profile,
        Results = results,
    };

    /// <summary>The lines above every table.</summary>
    public static void PrintHead<T>(BenchReport<T> report, TextWriter output)
    {
        output.WriteLine($"{report.Device} ({report.Description}), {report.Precision}; {report.Machine.Processor}, {report.Machine.Runtime}, MergeEngine {report.Machine.Engine}");
        output.WriteLine(
            $"ceilings, best (median): multiply-adds {Figures.Decimals(report.PeakGflops, 0)} ({Figures.Decimals(report.MedianPeakGflops, 0)}) GFLOP/s, "
            + $"copy {Figures.Decimals(report.CopyGbps, 1)} ({Figures.Decimals(report.MedianCopyGbps, 1)}) GB/s");
        if (report.Device == "emulated") output.WriteLine("Figures of the emulated device tell nothing about a GPU; its products do not even run as kernels.");
    }

    public void Dispose() => Device.Dispose();
}
