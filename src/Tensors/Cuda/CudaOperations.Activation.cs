using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cuda;

internal sealed partial class CudaOperations
{
    protected override void ActivationForwardCore(DeviceSpan<float> output, DeviceSpan<float> input, Activation activation) => throw new NotSupportedException();

    protected override void ActivationBackwardCore(DeviceSpan<float> inputGradient, DeviceSpan<float> outputGradient, DeviceSpan<float> input, Activation activation) => throw new NotSupportedException();

    protected override void ScaleColumnsForwardCore(Matrix output, Matrix input, DeviceSpan<float> scale, Matrix residual) => throw new NotSupportedException();

    protected override void ScaleColumnsBackwardCore(
        Matrix inputGradient, DeviceSpan<float> scaleGradient, Matrix outputGradient, Matrix input, DeviceSpan<float> scale, GradientReduction reduction, int rowsPerSample) => throw new NotSupportedException();

    protected override void CopyMatrixCore(Matrix output, Matrix source, bool accumulate) => throw new NotSupportedException();
}
