namespace MergeEngine.Tensors.Cuda;

internal sealed partial class CudaOperations
{
    protected override void CrossEntropyCore(DeviceSpan<float> losses, Matrix logitsGradient, Matrix logits, DeviceSpan<int> labels, float gradientScale) => throw new NotSupportedException();

    protected override void EntropyCore(DeviceSpan<float> entropies, Matrix logitsGradient, Matrix logits, float gradientScale) => throw new NotSupportedException();

    protected override void ArgMaxCore(DeviceSpan<int> best, Matrix logits) => throw new NotSupportedException();
}
