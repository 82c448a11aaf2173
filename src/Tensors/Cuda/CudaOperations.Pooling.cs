using MergeEngine.Tensors.Cuda.Kernels;

namespace MergeEngine.Tensors.Cuda;

/// <content>From the tokens of a sample to one row.</content>
internal sealed partial class CudaOperations
{
    protected override void MeanPoolForwardCore(Matrix output, Matrix hidden, int firstToken, DeviceSpan<int> mask, int tokens)
    {
        if (output.Columns == 0) return;
        lock (_device.Gate) Launch(TokenKernels.MeanPoolForward, RowLaunch.Tiles(output.Rows, output.Columns), Pooling(hidden, output, firstToken, mask, tokens));
    }

    protected override void MeanPoolBackwardCore(Matrix hiddenGradient, Matrix outputGradient, int firstToken, DeviceSpan<int> mask, int tokens)
    {
        if (hiddenGradient.Rows == 0 || hiddenGradient.Columns == 0) return;
        var grid = new Grid(outputGradient.Rows, RowLaunch.Limited(RowLaunch.Divided(tokens, RowLaunch.ColumnThreads / 32)));
        lock (_device.Gate) Launch(TokenKernels.MeanPoolBackward, grid, Pooling(hiddenGradient, outputGradient, firstToken, mask, tokens));
    }

    private static MeanPoolArguments Pooling(Matrix hidden, Matrix pooled, int firstToken, DeviceSpan<int> mask, int tokens) => new()
    {
        Hidden = hidden,
        Pooled = pooled,
        Mask = mask.Address,
        Columns = pooled.Columns,
        Tokens = tokens,
        FirstToken = firstToken,
    };
}
