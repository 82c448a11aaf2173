namespace MergeEngine.Tensors.Operations;

/// <content>What the operations of <c>OperationSet.Optimizer.cs</c> have to compute, or to read and write.</content>
public abstract partial class OperationSet
{
    private sealed partial class Profiled
    {
        protected override void AdamCore(
            DeviceSpan<float> parameters, DeviceSpan<float> gradients, DeviceSpan<float> firstMoment, DeviceSpan<float> secondMoment, in AdamSettings settings, int step, GradientClip clip)
        {
            long start = profile.Begin();
            inner.AdamCore(parameters, gradients, firstMoment, secondMoment, in settings, step, clip);
            profile.End(start, nameof(Adam), Pass(7 * parameters.Length));
        }

        protected override void SgdCore(DeviceSpan<float> parameters, DeviceSpan<float> gradients, DeviceSpan<float> momentum, in SgdSettings settings, int step, GradientClip clip)
        {
            long start = profile.Begin();
            inner.SgdCore(parameters, gradients, momentum, in settings, step, clip);
            profile.End(start, nameof(Sgd), Pass(parameters.Length * (momentum.IsNone ? 3 : 5)));
        }
    }
}
