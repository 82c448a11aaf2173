using MergeEngine.Tensors.Cpu.Optimizers;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu;

/// <content>Optimizer steps over flat vectors.</content>
internal sealed unsafe partial class CpuOperations
{
    protected override void AdamCore(
        DeviceSpan<float> parameters, DeviceSpan<float> gradients, DeviceSpan<float> firstMoment, DeviceSpan<float> secondMoment, in AdamSettings settings, int step, GradientClip clip)
    {
        var kernel = new AdamStep(parameters, gradients, firstMoment, secondMoment, settings, step, ClipFactor(clip));
        Run(kernel, kernel.Tasks);
    }

    protected override void SgdCore(DeviceSpan<float> parameters, DeviceSpan<float> gradients, DeviceSpan<float> momentum, in SgdSettings settings, int step, GradientClip clip)
    {
        var kernel = new SgdStep(parameters, gradients, momentum, settings, step, ClipFactor(clip));
        Run(kernel, kernel.Tasks);
    }

    /// <summary>min(1, max / (norm + 1e-6)); 1 without clipping.</summary>
    private static double ClipFactor(GradientClip clip) =>
        clip.SquaredNorm.IsNone ? 1 : Math.Min(1, clip.MaxNorm / (Math.Sqrt(clip.SquaredNorm.Pointer[0]) + 1e-6));
}
