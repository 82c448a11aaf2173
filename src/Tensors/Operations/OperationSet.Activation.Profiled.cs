namespace MergeEngine.Tensors.Operations;

/// <content>What the operations of <c>OperationSet.Activation.cs</c> have to compute, or to read and write.</content>
public abstract partial class OperationSet
{
    private sealed partial class Profiled
    {
        protected override void ActivationForwardCore(DeviceSpan<float> output, DeviceSpan<float> input, Activation activation)
        {
            long start = profile.Begin();
            inner.ActivationForwardCore(output, input, activation);
            profile.End(start, nameof(ActivationForward), Pass(2 * input.Length));
        }

        protected override void ActivationBackwardCore(DeviceSpan<float> inputGradient, DeviceSpan<float> outputGradient, DeviceSpan<float> input, Activation activation)
        {
            long start = profile.Begin();
            inner.ActivationBackwardCore(inputGradient, outputGradient, input, activation);
            profile.End(start, nameof(ActivationBackward), Pass(3 * input.Length));
        }

        protected override void ScaleColumnsForwardCore(Matrix output, Matrix input, DeviceSpan<float> scale, Matrix residual)
        {
            long start = profile.Begin();
            inner.ScaleColumnsForwardCore(output, input, scale, residual);
            profile.End(start, nameof(ScaleColumnsForward), Pass(Size(input) * (residual.IsNone ? 2 : 3)));
        }

        protected override void ScaleColumnsBackwardCore(
            Matrix inputGradient, DeviceSpan<float> scaleGradient, Matrix outputGradient, Matrix input, DeviceSpan<float> scale, GradientReduction reduction, int rowsPerSample)
        {
            long start = profile.Begin();
            inner.ScaleColumnsBackwardCore(inputGradient, scaleGradient, outputGradient, input, scale, reduction, rowsPerSample);
            profile.End(start, nameof(ScaleColumnsBackward), Pass(3 * Size(input)));
        }

        protected override void CopyMatrixCore(Matrix output, Matrix source, bool accumulate)
        {
            long start = profile.Begin();
            inner.CopyMatrixCore(output, source, accumulate);
            profile.End(start, nameof(CopyMatrix), Pass(Size(source) * (accumulate ? 3 : 2)));
        }
    }
}
