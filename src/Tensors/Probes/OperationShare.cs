using MergeEngine.Tensors.Operations.Profiling;

namespace MergeEngine.Tensors.Probes;

/// <summary>One row of a profile beside what the device can do.</summary>
/// <param name="Name">The operation.</param>
/// <param name="Size">Of a product the weight's <c>[outputs, inputs]</c>, of attention <c>heads x head size</c>, else empty.</param>
/// <param name="Calls">How many.</param>
/// <param name="Seconds">All of them together.</param>
/// <param name="Part">Of the profile's whole time; 1 is all of it. Several threads at work make the parts add up to more.</param>
/// <param name="Operations">float32 multiplications and additions of products and attention; 0 for others.</param>
/// <param name="Bytes">Read and written if every operand is touched once.</param>
/// <param name="Rate">In <paramref name="Unit"/>.</param>
/// <param name="Unit"><c>GFLOP/s</c> for products and attention, <c>GB/s</c> for all others.</param>
/// <param name="Share">Of the device's multiply-adds, or of its copy bandwidth; beyond 1 where the operands lay in a cache. Null where the device has no such figure.</param>
public sealed record OperationShare(
    string Name, string Size, long Calls, double Seconds, double Part, double Operations, double Bytes, double Rate, string Unit, double? Share)
{
    internal static OperationShare Of(ProfiledOperation operation, double seconds, DeviceCeilings? ceilings)
    {
        bool arithmetic = operation.Operations > 0;
        double rate = (arithmetic ? operation.Operations : operation.Bytes) / 1e9 / operation.Seconds;
        return new OperationShare(
            operation.Name, operation.Size, operation.Calls, operation.Seconds, operation.Seconds / seconds, operation.Operations, operation.Bytes, rate,
            arithmetic ? "GFLOP/s" : "GB/s", rate / (arithmetic ? ceilings?.PeakGflops : ceilings?.CopyGbps));
    }
}
