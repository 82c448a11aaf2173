using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cuda;

internal sealed partial class CudaOperations
{
    protected override void MatrixProductCore(Matrix c, Matrix a, Matrix b, bool transposeA, bool transposeB, float alpha, float beta) => throw new NotSupportedException();

    protected override void LinearForwardCore(Matrix output, Matrix input, Matrix weight, DeviceSpan<float> bias, Activation activation, Matrix preActivation) => throw new NotSupportedException();

    protected override void LinearBackwardInputCore(
        Matrix inputGradient, Matrix outputGradient, Matrix weight, bool accumulate, Activation activation, Matrix preActivation) => throw new NotSupportedException();

    protected override void LinearBackwardWeightCore(
        Matrix weightGradient, DeviceSpan<float> biasGradient, Matrix outputGradient, Matrix input, GradientReduction reduction, int rowsPerSample) => throw new NotSupportedException();
}
