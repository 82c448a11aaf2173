using MergeEngine.Tensors.Operations.Reference;

namespace MergeEngine.Tensors.Probes;

/// <summary>A device's multiply-adds without memory, measured again and again in turn with what is compared with them: machines are shared and change their clock.</summary>
public sealed class PeakMeter : IDisposable
{
    private readonly DeviceProbe? _probe;

    /// <param name="device">The reference device has no peak: its figure stays null.</param>
    public PeakMeter(Device device)
    {
        ArgumentNullException.ThrowIfNull(device);
        _probe = device is ReferenceDevice ? null : DeviceProbe.For(device);
    }

    /// <summary>The best so far, in GFLOP/s, in the precision of the device's products; a multiply-add counts as two. Null until it is measured.</summary>
    public double? Gflops { get; private set; }

    /// <summary>Measures once more: less than a millisecond on a CPU.</summary>
    public void Measure()
    {
        if (_probe is null) return;
        (double seconds, double operations) = _probe.TimeArithmetic();
        Gflops = Math.Max(Gflops ?? 0, operations / seconds / 1e9);
    }

    public void Dispose() => _probe?.Dispose();
}
