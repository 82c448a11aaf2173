namespace MergeEngine.Tensors.Operations;

/// <content>What the operations of <c>OperationSet.Attention.cs</c> have to compute, or to read and write.</content>
public abstract partial class OperationSet
{
    private sealed partial class Profiled
    {
        protected override void AttentionForwardCore(
            Matrix output, DeviceSpan<float> logSumExp, Matrix query, Matrix key, Matrix value, AttentionShape shape, DeviceSpan<int> keyMask)
        {
            long start = profile.Begin();
            inner.AttentionForwardCore(output, logSumExp, query, key, value, shape, keyMask);
            profile.End(start, nameof(AttentionForward), Attention(shape, products: 2, matrices: 4));
        }

        protected override void AttentionBackwardCore(
            Matrix queryGradient, Matrix keyGradient, Matrix valueGradient, Matrix outputGradient, Matrix output, DeviceSpan<float> logSumExp,
            Matrix query, Matrix key, Matrix value, AttentionShape shape, DeviceSpan<int> keyMask)
        {
            long start = profile.Begin();
            inner.AttentionBackwardCore(queryGradient, keyGradient, valueGradient, outputGradient, output, logSumExp, query, key, value, shape, keyMask);
            profile.End(start, nameof(AttentionBackward), Attention(shape, products: 5, matrices: 8));
        }
    }
}
