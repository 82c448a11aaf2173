using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cuda;

internal sealed partial class CudaOperations
{
    protected override void PatchesForwardCore(Matrix patches, DeviceSpan<float> images, PatchShape shape) => throw new NotSupportedException();

    protected override void PatchesBackwardCore(DeviceSpan<float> imageGradient, Matrix patchGradient, PatchShape shape) => throw new NotSupportedException();

    protected override void AssembleTokensForwardCore(Matrix hidden, Matrix patches, Matrix prefix, Matrix positions, int positionStart, int batch, int tokens) => throw new NotSupportedException();

    protected override void AssembleTokensBackwardCore(
        Matrix patchGradient, Matrix prefixGradient, Matrix positionGradient, Matrix hiddenGradient, int prefixRows, int positionStart, GradientReduction reduction, int batch, int tokens) => throw new NotSupportedException();

    protected override void EmbeddingForwardCore(Matrix hidden, DeviceSpan<int> ids, Matrix table, bool accumulate) => throw new NotSupportedException();

    protected override void EmbeddingBackwardCore(Matrix tableGradient, DeviceSpan<int> ids, Matrix hiddenGradient, GradientReduction reduction, int rowsPerSample) => throw new NotSupportedException();
}
