using MergeEngine.Tensors.Cpu.Attention;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu;

/// <content>Softmax attention.</content>
internal sealed unsafe partial class CpuOperations
{
    protected override void AttentionForwardCore(
        Matrix output, DeviceSpan<float> logSumExp, Matrix query, Matrix key, Matrix value, AttentionShape shape, DeviceSpan<int> keyMask)
    {
        using Leased<Workspace>.Lease workspace = _workspace.Take();
        if (LaneLayout.Serves(shape))
        {
            var lanes = new LaneLayout(shape);
            float* laneScratch = workspace.Value.Reserve(lanes.ForwardScratch * _device.Pool.Workers);
            Run(new LaneAttentionForward(output, logSumExp, query, key, value, keyMask, lanes, _device.Pool, laneScratch), lanes.Tasks);
            return;
        }

        var layout = new HeadLayout(shape);
        float* scratch = workspace.Value.Reserve(layout.ForwardScratch * _device.Pool.Workers);
        Run(new AttentionForward(output, logSumExp, query, key, value, keyMask, layout, _device.Pool, scratch), layout.Tasks);
    }

    protected override void AttentionBackwardCore(
        Matrix queryGradient, Matrix keyGradient, Matrix valueGradient, Matrix outputGradient, Matrix output, DeviceSpan<float> logSumExp,
        Matrix query, Matrix key, Matrix value, AttentionShape shape, DeviceSpan<int> keyMask)
    {
        using Leased<Workspace>.Lease workspace = _workspace.Take();
        if (LaneLayout.Serves(shape))
        {
            var lanes = new LaneLayout(shape);
            float* laneScratch = workspace.Value.Reserve(lanes.BackwardScratch * _device.Pool.Workers);
            Run(
                new LaneAttentionBackward(
                    queryGradient, keyGradient, valueGradient, outputGradient, logSumExp, query, key, value, keyMask, lanes, _device.Pool, laneScratch),
                lanes.Tasks);
            return;
        }

        var layout = new HeadLayout(shape);
        float* scratch = workspace.Value.Reserve(layout.BackwardScratch * _device.Pool.Workers);
        Run(
            new AttentionBackward(
                queryGradient, keyGradient, valueGradient, outputGradient, output, logSumExp, query, key, value, keyMask, layout, _device.Pool, scratch),
            layout.Tasks);
    }
}
