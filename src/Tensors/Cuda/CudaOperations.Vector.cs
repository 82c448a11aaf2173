namespace MergeEngine.Tensors.Cuda;

internal sealed partial class CudaOperations
{
    protected override void FillCore(DeviceSpan<float> values, float value) => throw new NotSupportedException();

    protected override void CopyCore(DeviceSpan<float> output, DeviceSpan<float> source) => throw new NotSupportedException();

    protected override void SubtractCore(DeviceSpan<float> output, DeviceSpan<float> a, DeviceSpan<float> b) => throw new NotSupportedException();

    protected override void ScaleCore(DeviceSpan<float> values, float factor) => throw new NotSupportedException();

    protected override void WeightedSumCore(DeviceSpan<float> output, ReadOnlySpan<DeviceSpan<float>> inputs, ReadOnlySpan<float> weights) => throw new NotSupportedException();

    protected override void AddWeightedSumCore(
        DeviceSpan<float> output, DeviceSpan<float> origin, ReadOnlySpan<DeviceSpan<float>> inputs, ReadOnlySpan<float> weights, DeviceSpan<byte> mask) => throw new NotSupportedException();

    protected override void ApplyMaskCore(DeviceSpan<float> output, DeviceSpan<float> input, DeviceSpan<byte> mask) => throw new NotSupportedException();

    protected override void AccumulateAbsoluteCore(DeviceSpan<float> sum, DeviceSpan<float> values) => throw new NotSupportedException();
}
