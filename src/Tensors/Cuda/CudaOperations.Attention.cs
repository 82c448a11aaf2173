using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cuda;

internal sealed partial class CudaOperations
{
    protected override void AttentionForwardCore(
        Matrix output, DeviceSpan<float> logSumExp, Matrix query, Matrix key, Matrix value, AttentionShape shape, DeviceSpan<int> keyMask) => throw new NotSupportedException();

    protected override void AttentionBackwardCore(
        Matrix queryGradient, Matrix keyGradient, Matrix valueGradient, Matrix outputGradient, Matrix output, DeviceSpan<float> logSumExp,
        Matrix query, Matrix key, Matrix value, AttentionShape shape, DeviceSpan<int> keyMask) => throw new NotSupportedException();
}
