namespace MergeEngine.Tensors.Operations;

/// <content>What the operations of <c>OperationSet.Loss.cs</c> have to compute, or to read and write.</content>
public abstract partial class OperationSet
{
    private sealed partial class Profiled
    {
        protected override void CrossEntropyCore(DeviceSpan<float> losses, Matrix logitsGradient, Matrix logits, DeviceSpan<int> labels, float gradientScale)
        {
            long start = profile.Begin();
            inner.CrossEntropyCore(losses, logitsGradient, logits, labels, gradientScale);
            profile.End(start, nameof(CrossEntropy), Pass(Size(logits) * (logitsGradient.IsNone ? 1 : 2)));
        }

        protected override void EntropyCore(DeviceSpan<float> entropies, Matrix logitsGradient, Matrix logits, float gradientScale)
        {
            long start = profile.Begin();
            inner.EntropyCore(entropies, logitsGradient, logits, gradientScale);
            profile.End(start, nameof(Entropy), Pass(Size(logits) * (logitsGradient.IsNone ? 1 : 2)));
        }

        protected override void ArgMaxCore(DeviceSpan<int> best, Matrix logits)
        {
            long start = profile.Begin();
            inner.ArgMaxCore(best, logits);
            profile.End(start, nameof(ArgMax), Pass(Size(logits)));
        }
    }
}
