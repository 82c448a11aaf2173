namespace MergeEngine.Tensors.Operations;

/// <content>What the operations of <c>OperationSet.Normalization.cs</c> have to compute, or to read and write.</content>
public abstract partial class OperationSet
{
    private sealed partial class Profiled
    {
        protected override void LayerNormForwardCore(
            Matrix output, DeviceSpan<float> mean, DeviceSpan<float> inverseDeviation, Matrix input, DeviceSpan<float> weight, DeviceSpan<float> bias, float epsilon)
        {
            long start = profile.Begin();
            inner.LayerNormForwardCore(output, mean, inverseDeviation, input, weight, bias, epsilon);
            profile.End(start, nameof(LayerNormForward), Pass(2 * Size(input)));
        }

        protected override void AddLayerNormForwardCore(
            Matrix sum, Matrix output, DeviceSpan<float> mean, DeviceSpan<float> inverseDeviation, Matrix input, Matrix residual, DeviceSpan<float> weight, DeviceSpan<float> bias, float epsilon)
        {
            long start = profile.Begin();
            inner.AddLayerNormForwardCore(sum, output, mean, inverseDeviation, input, residual, weight, bias, epsilon);
            profile.End(start, nameof(AddLayerNormForward), Pass(4 * Size(input)));
        }

        protected override void LayerNormBackwardCore(
            Matrix inputGradient, DeviceSpan<float> weightGradient, DeviceSpan<float> biasGradient, Matrix outputGradient, Matrix input,
            DeviceSpan<float> mean, DeviceSpan<float> inverseDeviation, DeviceSpan<float> weight, GradientReduction reduction, int rowsPerSample, bool accumulate)
        {
            long start = profile.Begin();
            inner.LayerNormBackwardCore(inputGradient, weightGradient, biasGradient, outputGradient, input, mean, inverseDeviation, weight, reduction, rowsPerSample, accumulate);
            profile.End(start, nameof(LayerNormBackward), Pass(Size(input) * (accumulate ? 4 : 3)));
        }

        protected override void NormalizeRowsForwardCore(Matrix output, DeviceSpan<float> norms, Matrix input)
        {
            long start = profile.Begin();
            inner.NormalizeRowsForwardCore(output, norms, input);
            profile.End(start, nameof(NormalizeRowsForward), Pass(2 * Size(input)));
        }

        protected override void NormalizeRowsBackwardCore(Matrix inputGradient, Matrix outputGradient, Matrix output, DeviceSpan<float> norms)
        {
            long start = profile.Begin();
            inner.NormalizeRowsBackwardCore(inputGradient, outputGradient, output, norms);
            profile.End(start, nameof(NormalizeRowsBackward), Pass(3 * Size(output)));
        }
    }
}
