using MergeEngine.Tensors.Cpu.Attention;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu;

/// <content>Softmax attention.</content>
internal sealed unsafe partial class CpuOperations
{
    protected override void AttentionForwardCore(
        Matrix output, DeviceSpan<float> logSumExp, Matrix query, Matrix key, Matrix value, AttentionShape shape, DeviceSpan<int> keyMask)
    {
        if (LaneLayout.Serves(shape))
        {
            var lanes = new LaneLayout(shape);
            lock (_workspaceLock)
            {
                float* scratch = _workspace.Reserve(lanes.ForwardScratch * _device.Threads);
                Run(new LaneAttentionForward(output, logSumExp, query, key, value, keyMask, lanes, _device.Pool, scratch), lanes.Tasks);
            }

            return;
        }

        var layout = new HeadLayout(shape);
        lock (_workspaceLock)
        {
            float* scratch = _workspace.Reserve(layout.ForwardScratch * _device.Threads);
            Run(new AttentionForward(output, logSumExp, query, key, value, keyMask, layout, _device.Pool, scratch), layout.Tasks);
        }
    }

    protected override void AttentionBackwardCore(
        Matrix queryGradient, Matrix keyGradient, Matrix valueGradient, Matrix outputGradient, Matrix output, DeviceSpan<float> logSumExp,
        Matrix query, Matrix key, Matrix value, AttentionShape shape, DeviceSpan<int> keyMask)
    {
        if (LaneLayout.Serves(shape))
        {
            var lanes = new LaneLayout(shape);
            lock (_workspaceLock)
            {
                float* scratch = _workspace.Reserve(lanes.BackwardScratch * _device.Threads);
                Run(
                    new LaneAttentionBackward(
                        queryGradient, keyGradient, valueGradient, outputGradient, logSumExp, query, key, value, keyMask, lanes, _device.Pool, scratch),
                    lanes.Tasks);
            }

            return;
        }

        var layout = new HeadLayout(shape);
        lock (_workspaceLock)
        {
            float* scratch = _workspace.Reserve(layout.BackwardScratch * _device.Threads);
            Run(
                new AttentionBackward(
                    queryGradient, keyGradient, valueGradient, outputGradient, output, logSumExp, query, key, value, keyMask, layout, _device.Pool, scratch),
                layout.Tasks);
        }
    }
}
