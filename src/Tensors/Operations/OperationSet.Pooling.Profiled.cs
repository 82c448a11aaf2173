namespace MergeEngine.Tensors.Operations;

/// <content>What the operations of <c>OperationSet.Pooling.cs</c> have to compute, or to read and write.</content>
public abstract partial class OperationSet
{
    private sealed partial class Profiled
    {
        protected override void MeanPoolForwardCore(Matrix output, Matrix hidden, int firstToken, DeviceSpan<int> mask, int tokens)
        {
            long start = profile.Begin();
            inner.MeanPoolForwardCore(output, hidden, firstToken, mask, tokens);
            profile.End(start, nameof(MeanPoolForward), Pass(Size(hidden) + Size(output)));
        }

        protected override void MeanPoolBackwardCore(Matrix hiddenGradient, Matrix outputGradient, int firstToken, DeviceSpan<int> mask, int tokens)
        {
            long start = profile.Begin();
            inner.MeanPoolBackwardCore(hiddenGradient, outputGradient, firstToken, mask, tokens);
            profile.End(start, nameof(MeanPoolBackward), Pass(Size(hiddenGradient) + Size(outputGradient)));
        }
    }
}
