using MergeEngine.Tensors.Cuda.Kernels;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cuda;

/// <content>Softmax attention: one kernel forward, three backward. Heads of more than 256 columns are refused.</content>
internal sealed partial class CudaOperations
{
    protected override void AttentionForwardCore(
        Matrix output, DeviceSpan<float> logSumExp, Matrix query, Matrix key, Matrix value, AttentionShape shape, DeviceSpan<int> keyMask)
    {
        AttentionStage<AttentionForwardArguments> stage = AttentionKernels.For(_device.Precision, shape.HeadSize).Forward;
        bool packets = TakesPackets(output, shape) && TakesPackets(query, shape) && TakesPackets(key, shape) && TakesPackets(value, shape);
        var arguments = new AttentionForwardArguments
        {
            Output = output.Data.Address,
            LogSumExp = logSumExp.Address,
            Query = query.Data.Address,
            Key = key.Data.Address,
            Value = value.Data.Address,
            KeyMask = keyMask.Address,
            OutputStride = output.Stride,
            QueryStride = query.Stride,
            KeyStride = key.Stride,
            ValueStride = value.Stride,
            Tokens = shape.Tokens,
            Heads = shape.Heads,
            Size = shape.HeadSize,
            Causal = shape.Causal ? 1 : 0,
            Packets = packets ? 1 : 0,
            Scale = shape.Scale,
        };
        lock (_device.Gate)
        {
            Launch(stage.Kernel, Tiles(shape, stage.TileRows), arguments, stage.SharedBytes);
        }
    }

    protected override void AttentionBackwardCore(
        Matrix queryGradient, Matrix keyGradient, Matrix valueGradient, Matrix outputGradient, Matrix output, DeviceSpan<float> logSumExp,
        Matrix query, Matrix key, Matrix value, AttentionShape shape, DeviceSpan<int> keyMask)
    {
        AttentionVariant variant = AttentionKernels.For(_device.Precision, shape.HeadSize);
        bool packets = TakesPackets(queryGradient, shape) && TakesPackets(keyGradient, shape) && TakesPackets(valueGradient, shape)
            && TakesPackets(outputGradient, shape) && TakesPackets(query, shape) && TakesPackets(key, shape) && TakesPackets(value, shape);
        lock (_device.Gate)
        {
            nint dots = Scratch(shape.ScoreRows * sizeof(float));
            var dotArguments = new AttentionOutputDotsArguments
            {
                OutputGradient = outputGradient.Data.Address,
                Output = output.Data.Address,
                Dots = dots,
                Rows = shape.Rows,
                OutputGradientStride = outputGradient.Stride,
                OutputStride = output.Stride,
                Tokens = shape.Tokens,
                Heads = shape.Heads,
                Size = shape.HeadSize,
            };
            Launch(AttentionKernels.OutputDots, Grid.Over(shape.ScoreRows, AttentionKernels.OutputDots.Threads / 32), dotArguments);

            var arguments = new AttentionBackwardArguments
            {
                QueryGradient = queryGradient.Data.Address,
                KeyGradient = keyGradient.Data.Address,
                ValueGradient = valueGradient.Data.Address,
                OutputGradient = outputGradient.Data.Address,
                Query = query.Data.Address,
                Key = key.Data.Address,
                Value = value.Data.Address,
                LogSumExp = logSumExp.Address,
                OutputDots = dots,
                KeyMask = keyMask.Address,
                QueryGradientStride = queryGradient.Stride,
                KeyGradientStride = keyGradient.Stride,
                ValueGradientStride = valueGradient.Stride,
                OutputGradientStride = outputGradient.Stride,
                QueryStride = query.Stride,
                KeyStride = key.Stride,
                ValueStride = value.Stride,
                Tokens = shape.Tokens,
                Heads = shape.Heads,
                Size = shape.HeadSize,
                Causal = shape.Causal ? 1 : 0,
                Packets = packets ? 1 : 0,
                Scale = shape.Scale,
            };
            Launch(variant.KeyValueGradients.Kernel, Tiles(shape, variant.KeyValueGradients.TileRows), arguments, variant.KeyValueGradients.SharedBytes);
            Launch(variant.QueryGradients.Kernel, Tiles(shape, variant.QueryGradients.TileRows), arguments, variant.QueryGradients.SharedBytes);
        }
    }

    /// <summary>A block for every tile of tokens of every head.</summary>
    private static Grid Tiles(AttentionShape shape, int rows) => new(checked(shape.Batch * shape.Heads * RowLaunch.Divided(shape.Tokens, rows)));

    /// <summary>Whether every head of every row begins at a multiple of 16 bytes.</summary>
    private static bool TakesPackets(Matrix matrix, AttentionShape shape) =>
        IsAligned(matrix.Data.Address) && (matrix.Stride & 3) == 0 && (shape.HeadSize & 3) == 0;
}
