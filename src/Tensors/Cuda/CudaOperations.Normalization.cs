using MergeEngine.Tensors.Cuda.Kernels;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cuda;

/// <content>LayerNorm and the normalisation of rows.</content>
internal sealed partial class CudaOperations
{
    protected override void LayerNormForwardCore(
        Matrix output, DeviceSpan<float> mean, DeviceSpan<float> inverseDeviation, Matrix input, DeviceSpan<float> weight, DeviceSpan<float> bias, float epsilon) =>
        AddLayerNormForwardCore(default, output, mean, inverseDeviation, input, default, weight, bias, epsilon);

    protected override void AddLayerNormForwardCore(
        Matrix sum, Matrix output, DeviceSpan<float> mean, DeviceSpan<float> inverseDeviation, Matrix input, Matrix residual, DeviceSpan<float> weight, DeviceSpan<float> bias, float epsilon)
    {
        if (input.Rows == 0 || input.Columns == 0) return;
        var arguments = new LayerNormForwardArguments
        {
            Output = output,
            Input = input,
            Residual = residual,
            Sum = sum,
            Weight = weight.Address,
            Bias = bias.Address,
            Mean = mean.Address,
            InverseDeviation = inverseDeviation.Address,
            InverseWidth = 1.0 / input.Columns,
            Epsilon = epsilon,
            Rows = input.Rows,
            Columns = input.Columns,
        };
        lock (_device.Gate)
        {
            if (input.Columns <= NormalizationKernels.WidestForWarp) Launch(NormalizationKernels.LayerNormForward, RowLaunch.Warps(input.Rows, NormalizationKernels.Warps), arguments);
            else Launch(NormalizationKernels.LayerNormForwardWide, new Grid(input.Rows), arguments);
        }
    }

    protected override void LayerNormBackwardCore(
        Matrix inputGradient, DeviceSpan<float> weightGradient, DeviceSpan<float> biasGradient, Matrix outputGradient, Matrix input,
        DeviceSpan<float> mean, DeviceSpan<float> inverseDeviation, DeviceSpan<float> weight, GradientReduction reduction, int rowsPerSample, bool accumulate)
    {
        if (input.Rows == 0 || input.Columns == 0) return;
        var arguments = new LayerNormBackwardArguments
        {
            InputGradient = inputGradient,
            OutputGradient = outputGradient,
            Input = input,
            Mean = mean.Address,
            InverseDeviation = inverseDeviation.Address,
            Weight = weight.Address,
            InverseWidth = 1.0 / input.Columns,
            Rows = input.Rows,
            Columns = input.Columns,
            Accumulate = accumulate ? 1 : 0,
        };
        lock (_device.Gate)
        {
            // The sums first: the input's gradient may overwrite the output's.
            if (!weightGradient.IsNone || !biasGradient.IsNone)
            {
                var sections = new ColumnSections(input.Rows, input.Columns, reduction, rowsPerSample);
                sections.Partials = Scratch(sections.Bytes(2));
                var sums = new LayerNormSumsArguments
                {
                    Sections = sections,
                    OutputGradient = outputGradient,
                    Input = input,
                    Mean = mean.Address,
                    InverseDeviation = inverseDeviation.Address,
                };
                Launch(NormalizationKernels.LayerNormSums, sections.Grid, sums);
                AddSections(sections, reduction, 2, weightGradient, biasGradient);
            }

            if (input.Columns <= NormalizationKernels.WidestForWarp) Launch(NormalizationKernels.LayerNormBackward, RowLaunch.Warps(input.Rows, NormalizationKernels.Warps), arguments);
            else Launch(NormalizationKernels.LayerNormBackwardWide, new Grid(input.Rows), arguments);
        }
    }

    protected override void NormalizeRowsForwardCore(Matrix output, DeviceSpan<float> norms, Matrix input)
    {
        if (input.Rows == 0) return;
        var arguments = new NormalizeRowsForwardArguments { Output = output, Input = input, Norms = norms.Address, Rows = input.Rows, Columns = input.Columns };
        lock (_device.Gate) Launch(NormalizationKernels.NormalizeRowsForward, RowLaunch.Warps(input.Rows, NormalizationKernels.Warps), arguments);
    }

    protected override void NormalizeRowsBackwardCore(Matrix inputGradient, Matrix outputGradient, Matrix output, DeviceSpan<float> norms)
    {
        if (output.Rows == 0 || output.Columns == 0) return;
        var arguments = new NormalizeRowsBackwardArguments
        {
            InputGradient = inputGradient,
            OutputGradient = outputGradient,
            Output = output,
            Norms = norms.Address,
            Rows = output.Rows,
            Columns = output.Columns,
        };
        lock (_device.Gate) Launch(NormalizationKernels.NormalizeRowsBackward, RowLaunch.Warps(output.Rows, NormalizationKernels.Warps), arguments);
    }
}
