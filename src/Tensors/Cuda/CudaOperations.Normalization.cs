using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cuda;

internal sealed partial class CudaOperations
{
    protected override void LayerNormForwardCore(
        Matrix output, DeviceSpan<float> mean, DeviceSpan<float> inverseDeviation, Matrix input, DeviceSpan<float> weight, DeviceSpan<float> bias, float epsilon) => throw new NotSupportedException();

    protected override void AddLayerNormForwardCore(
        Matrix sum, Matrix output, DeviceSpan<float> mean, DeviceSpan<float> inverseDeviation, Matrix input, Matrix residual, DeviceSpan<float> weight, DeviceSpan<float> bias, float epsilon) => throw new NotSupportedException();

    protected override void LayerNormBackwardCore(
        Matrix inputGradient, DeviceSpan<float> weightGradient, DeviceSpan<float> biasGradient, Matrix outputGradient, Matrix input,
        DeviceSpan<float> mean, DeviceSpan<float> inverseDeviation, DeviceSpan<float> weight, GradientReduction reduction, int rowsPerSample, bool accumulate) => throw new NotSupportedException();

    protected override void NormalizeRowsForwardCore(Matrix output, DeviceSpan<float> norms, Matrix input) => throw new NotSupportedException();

    protected override void NormalizeRowsBackwardCore(Matrix inputGradient, Matrix outputGradient, Matrix output, DeviceSpan<float> norms) => throw new NotSupportedException();
}
