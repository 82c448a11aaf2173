using MergeEngine.Tensors.Cuda.Kernels;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cuda;

/// <content>Optimizer steps: the bits of the CPU device.</content>
internal sealed partial class CudaOperations
{
    protected override void AdamCore(
        DeviceSpan<float> parameters, DeviceSpan<float> gradients, DeviceSpan<float> firstMoment, DeviceSpan<float> secondMoment, in AdamSettings settings, int step, GradientClip clip)
    {
        if (parameters.Length == 0) return;
        var arguments = new AdamArguments
        {
            Parameters = parameters.Address,
            Gradients = gradients.Address,
            First = firstMoment.Address,
            Second = secondMoment.Address,
            Clip = new ClipArguments(clip),
            Length = parameters.Length,
            With = new AdamScalars(settings, step),
            Aligned = IsAligned(parameters.Address | gradients.Address | firstMoment.Address | secondMoment.Address) ? 1 : 0,
        };
        lock (_device.Gate) Launch(OptimizerKernels.Adam, Grid.Over(parameters.Length, OptimizerKernels.Block), arguments);
    }

    protected override void SgdCore(DeviceSpan<float> parameters, DeviceSpan<float> gradients, DeviceSpan<float> momentum, in SgdSettings settings, int step, GradientClip clip)
    {
        if (parameters.Length == 0) return;
        nint kept = settings.Momentum == 0 ? 0 : momentum.Address;
        var arguments = new SgdArguments
        {
            Parameters = parameters.Address,
            Gradients = gradients.Address,
            Momentum = kept,
            Clip = new ClipArguments(clip),
            Length = parameters.Length,
            Decay = (float)settings.WeightDecay,
            Rate = (float)-settings.LearningRate,
            Keep = (float)settings.Momentum,
            Nesterov = settings.Nesterov ? 1 : 0,
            IsFirst = step == 1 ? 1 : 0,
            Aligned = IsAligned(parameters.Address | gradients.Address | kept) ? 1 : 0,
        };
        lock (_device.Gate) Launch(OptimizerKernels.Sgd, Grid.Over(parameters.Length, OptimizerKernels.Block), arguments);
    }
}
