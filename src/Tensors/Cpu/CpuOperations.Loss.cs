using MergeEngine.Tensors.Cpu.Losses;

namespace MergeEngine.Tensors.Cpu;

/// <content>Losses over logits.</content>
internal sealed partial class CpuOperations
{
    protected override void CrossEntropyCore(DeviceSpan<float> losses, Matrix logitsGradient, Matrix logits, DeviceSpan<int> labels, float gradientScale)
    {
        var kernel = new CrossEntropyRows(losses, logitsGradient, logits, labels, gradientScale);
        Run(kernel, kernel.Tasks);
    }

    protected override void EntropyCore(DeviceSpan<float> entropies, Matrix logitsGradient, Matrix logits, float gradientScale)
    {
        var kernel = new EntropyRows(entropies, logitsGradient, logits, gradientScale);
        Run(kernel, kernel.Tasks);
    }

    protected override void ArgMaxCore(DeviceSpan<int> best, Matrix logits)
    {
        var kernel = new ArgMaxRows(best, logits);
        Run(kernel, kernel.Tasks);
    }
}
