using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cuda;

internal sealed partial class CudaOperations
{
    protected override void CrossMagnitudeCore(DeviceSpan<double> keys, ReadOnlySpan<DeviceSpan<float>> magnitudes, ReadOnlySpan<DeviceSpan<float>> vectors) => throw new NotSupportedException();

    protected override void DropMaskCore(DeviceSpan<byte> mask, DeviceSpan<double> keys, Selection dropped, long firstIndex) => throw new NotSupportedException();

    protected override void KeepMaskCore(DeviceSpan<byte> mask, DeviceSpan<float> values, Selection kept, long firstIndex) => throw new NotSupportedException();

    protected override long SignBalanceCore(ReadOnlySpan<DeviceSpan<float>> vectors, ReadOnlySpan<Selection> kept, long firstIndex) => throw new NotSupportedException();

    protected override void DisjointMeanCore(DeviceSpan<float> output, ReadOnlySpan<DeviceSpan<float>> vectors, ReadOnlySpan<Selection> kept, int undecidedSign, long firstIndex) => throw new NotSupportedException();

    protected override void RandomMaskCore(DeviceSpan<byte> mask, ulong key, double keepProbability, long firstIndex) => throw new NotSupportedException();
}
