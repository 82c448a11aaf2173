namespace MergeEngine.Tensors.Cuda;

internal sealed partial class CudaOperations
{
    protected override void MeanPoolForwardCore(Matrix output, Matrix hidden, int firstToken, DeviceSpan<int> mask, int tokens) => throw new NotSupportedException();

    protected override void MeanPoolBackwardCore(Matrix hiddenGradient, Matrix outputGradient, int firstToken, DeviceSpan<int> mask, int tokens) => throw new NotSupportedException();
}
