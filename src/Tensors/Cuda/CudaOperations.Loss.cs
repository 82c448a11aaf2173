using MergeEngine.Tensors.Cuda.Kernels;

namespace MergeEngine.Tensors.Cuda;

/// <content>Losses over logits.</content>
internal sealed partial class CudaOperations
{
    protected override void CrossEntropyCore(DeviceSpan<float> losses, Matrix logitsGradient, Matrix logits, DeviceSpan<int> labels, float gradientScale)
    {
        if (logits.Rows == 0 || logits.Columns == 0) return;
        var arguments = new CrossEntropyArguments
        {
            Losses = losses.Address,
            Gradient = logitsGradient,
            Logits = logits,
            Labels = labels.Address,
            Rows = logits.Rows,
            Classes = logits.Columns,
            GradientScale = gradientScale,
        };
        lock (_device.Gate) Launch(LossKernels.CrossEntropy, RowLaunch.Warps(logits.Rows, LossKernels.Warps), arguments);
    }

    protected override void EntropyCore(DeviceSpan<float> entropies, Matrix logitsGradient, Matrix logits, float gradientScale)
    {
        if (logits.Rows == 0 || logits.Columns == 0) return;
        var arguments = new EntropyArguments
        {
            Entropies = entropies.Address,
            Gradient = logitsGradient,
            Logits = logits,
            Rows = logits.Rows,
            Classes = logits.Columns,
            GradientScale = gradientScale,
        };
        lock (_device.Gate) Launch(LossKernels.Entropy, RowLaunch.Warps(logits.Rows, LossKernels.Warps), arguments);
    }

    protected override void ArgMaxCore(DeviceSpan<int> best, Matrix logits)
    {
        if (logits.Rows == 0) return;
        var arguments = new ArgMaxArguments { Best = best.Address, Logits = logits, Rows = logits.Rows, Classes = logits.Columns };
        lock (_device.Gate) Launch(LossKernels.ArgMax, RowLaunch.Warps(logits.Rows, LossKernels.Warps), arguments);
    }
}
