using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Cpu.Probes;

namespace MergeEngine.Tensors.Probes;

/// <summary>What a device can do at most, measured before anything else is: the floors of all times.</summary>
/// <param name="PeakGflops">float32 GFLOP/s of multiply-adds in registers (on a GPU: of the device's precision), best round.</param>
/// <param name="MedianPeakGflops">The same of the median round.</param>
/// <param name="CopyGbps">GB read and written per second by a plain copy of memory well beyond the caches, best round.</param>
/// <param name="MedianCopyGbps">The same of the median round.</param>
public sealed record DeviceCeilings(double PeakGflops, double MedianPeakGflops, double CopyGbps, double MedianCopyGbps)
{
    private const int PeakRounds = 51;

    /// <summary>GB read and written per second by a plain copy on a processor, best round.</summary>
    /// <param name="device">All its threads work.</param>
    /// <param name="memory">Bytes that this may take; with less than 256 MiB the copy is of fewer bytes, which a cache may hold.</param>
    public static double MeasureCopy(CpuDevice device, long memory)
    {
        using var probe = new CpuProbe(device, (int)Math.Clamp(memory, 1 << 20, CpuProbe.UsualBytes) & ~127);
        double best = 0;
        for (int i = 0; i <= probe.Rounds; i++) best = Math.Max(best, probe.PassBytes / 1e9 / probe.TimeCopy());
        return best;
    }

    /// <summary>Measures both, in some tenths of a second on a CPU.</summary>
    /// <param name="device">All its threads work.</param>
    /// <param name="cancellation">Checked between two rounds.</param>
    /// <exception cref="NotSupportedException">The device is not one whose speed matters.</exception>
    public static DeviceCeilings Measure(Device device, CancellationToken cancellation = default)
    {
        using DeviceProbe probe = DeviceProbe.For(device);
        double[] peaks = new double[device.Name == "emulated" ? probe.Rounds : PeakRounds], copies = new double[probe.Rounds];
        probe.TimeArithmetic();
        probe.TimeCopy();
        for (int i = 0; i < peaks.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            (double seconds, double operations) = probe.TimeArithmetic();
            peaks[i] = operations / seconds / 1e9;
        }

        for (int i = 0; i < copies.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            copies[i] = probe.PassBytes / 1e9 / probe.TimeCopy();
        }

        Array.Sort(peaks);
        Array.Sort(copies);
        return new DeviceCeilings(peaks[^1], peaks[peaks.Length / 2], copies[^1], copies[copies.Length / 2]);
    }
}
