using MergeEngine.Tensors.Operations.Profiling;
using MergeEngine.Tensors.Operations.Reference;

namespace MergeEngine.Tensors.Probes;

/// <summary>A profile beside the device's ceilings.</summary>
/// <param name="Seconds">The profile's whole time.</param>
/// <param name="OperationSeconds">What the operations took; the rest went into copies, tokens, files and other work of the host.</param>
/// <param name="PeakGflops">Multiply-adds without memory, in GFLOP/s; null for a device without such a figure.</param>
/// <param name="CopyGbps">Bytes read and written by a plain copy, in GB/s; null for a device without such a figure.</param>
/// <param name="Operations">Longest first.</param>
public sealed record ProfileShares(double Seconds, double OperationSeconds, double? PeakGflops, double? CopyGbps, IReadOnlyList<OperationShare> Operations)
{
    /// <summary>Ends the profile and measures the ceilings.</summary>
    /// <param name="profile">Of the device.</param>
    /// <param name="device">Idle meanwhile.</param>
    public static ProfileShares Of(OperationProfile profile, Device device)
    {
        profile.Dispose();
        DeviceCeilings? ceilings = device is ReferenceDevice ? null : DeviceCeilings.Measure(device);
        IReadOnlyList<ProfiledOperation> operations = profile.Operations;
        return new ProfileShares(
            profile.Seconds, operations.Sum(o => o.Seconds), ceilings?.PeakGflops, ceilings?.CopyGbps, [.. operations.Select(o => OperationShare.Of(o, profile.Seconds, ceilings))]);
    }
}
