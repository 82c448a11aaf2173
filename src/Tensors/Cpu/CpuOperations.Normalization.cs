using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.Normalization;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu;

/// <content>LayerNorm and the normalisation of rows.</content>
internal sealed partial class CpuOperations
{
    protected override void LayerNormForwardCore(
        Matrix output, DeviceSpan<float> mean, DeviceSpan<float> inverseDeviation, Matrix input, DeviceSpan<float> weight, DeviceSpan<float> bias, float epsilon)
    {
        if (input.Columns == 0) return;
        var kernel = new LayerNormForward(default, output, mean, inverseDeviation, input, default, weight, bias, epsilon);
        Run(kernel, kernel.Tasks);
    }

    protected override void AddLayerNormForwardCore(
        Matrix sum, Matrix output, DeviceSpan<float> mean, DeviceSpan<float> inverseDeviation, Matrix input, Matrix residual, DeviceSpan<float> weight, DeviceSpan<float> bias, float epsilon)
    {
        if (input.Columns == 0) return;
        var kernel = new LayerNormForward(sum, output, mean, inverseDeviation, input, residual, weight, bias, epsilon);
        Run(kernel, kernel.Tasks);
    }

    protected override void LayerNormBackwardCore(
        Matrix inputGradient, DeviceSpan<float> weightGradient, DeviceSpan<float> biasGradient, Matrix outputGradient, Matrix input,
        DeviceSpan<float> mean, DeviceSpan<float> inverseDeviation, DeviceSpan<float> weight, GradientReduction reduction, int rowsPerSample, bool accumulate)
    {
        if (input.Columns == 0 || input.Rows == 0) return;
        bool parameters = !weightGradient.IsNone || !biasGradient.IsNone;
        using Leased<Workspace>.Lease workspace = _workspace.Take();
        var sums = new SampleSums(workspace.Value, input.Rows, input.Columns, 2, reduction, rowsPerSample);
        var kernel = new LayerNormBackward(inputGradient, outputGradient, input, mean, inverseDeviation, weight, sums, parameters, accumulate);
        Run(kernel, kernel.Tasks);
        AddSampleSums(sums, 0, weightGradient);
        AddSampleSums(sums, 1, biasGradient);
    }

    protected override void NormalizeRowsForwardCore(Matrix output, DeviceSpan<float> norms, Matrix input)
    {
        var kernel = new NormalizeRowsForward(output, norms, input);
        Run(kernel, kernel.Tasks);
    }

    protected override void NormalizeRowsBackwardCore(Matrix inputGradient, Matrix outputGradient, Matrix output, DeviceSpan<float> norms)
    {
        var kernel = new NormalizeRowsBackward(inputGradient, outputGradient, output, norms);
        Run(kernel, kernel.Tasks);
    }

    private void AddSampleSums(in SampleSums sums, int vector, DeviceSpan<float> target)
    {
        if (target.IsNone) return;
        SampleSums.Combine combine = sums.Combined(vector, target);
        Run(combine, combine.Tasks);
    }
}
