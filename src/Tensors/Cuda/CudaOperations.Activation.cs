using MergeEngine.Tensors.Cuda.Kernels;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cuda;

/// <content>Point-wise operations on activations.</content>
internal sealed partial class CudaOperations
{
    protected override void ActivationForwardCore(DeviceSpan<float> output, DeviceSpan<float> input, Activation activation)
    {
        CheckKind(activation);
        if (input.Length == 0) return;
        var arguments = new ActivationForwardArguments { Output = output.Address, Input = input.Address, Length = input.Length, Kind = (int)activation };
        lock (_device.Gate)
            Launch(ActivationKernels.Forward, Grid.Over(input.Length, ActivationKernels.Forward.Threads, ActivationKernels.PerThread), arguments);
    }

    protected override void ActivationBackwardCore(DeviceSpan<float> inputGradient, DeviceSpan<float> outputGradient, DeviceSpan<float> input, Activation activation)
    {
        CheckKind(activation);
        if (input.Length == 0) return;
        var arguments = new ActivationBackwardArguments
        {
            InputGradient = inputGradient.Address,
            OutputGradient = outputGradient.Address,
            Input = input.Address,
            Length = input.Length,
            Kind = (int)activation,
        };
        lock (_device.Gate)
            Launch(ActivationKernels.Backward, Grid.Over(input.Length, ActivationKernels.Backward.Threads, ActivationKernels.PerThread), arguments);
    }

    protected override void ScaleColumnsForwardCore(Matrix output, Matrix input, DeviceSpan<float> scale, Matrix residual)
    {
        if (input.Rows == 0 || input.Columns == 0) return;
        lock (_device.Gate) ScaleRows(output, input, scale, residual);
    }

    protected override void ScaleColumnsBackwardCore(
        Matrix inputGradient, DeviceSpan<float> scaleGradient, Matrix outputGradient, Matrix input, DeviceSpan<float> scale, GradientReduction reduction, int rowsPerSample)
    {
        if (input.Rows == 0 || input.Columns == 0) return;
        lock (_device.Gate)
        {
            // The sums first: the input's gradient may overwrite the output's.
            if (!scaleGradient.IsNone)
            {
                var sections = new ColumnSections(input.Rows, input.Columns, reduction, rowsPerSample);
                sections.Partials = Scratch(sections.Bytes(1));
                var arguments = new ScaleColumnsSumsArguments { Sections = sections, OutputGradient = outputGradient, Input = input };
                Launch(ActivationKernels.ScaleColumnsSums, sections.Grid, arguments);
                AddSections(sections, reduction, 1, scaleGradient, default);
            }

            ScaleRows(inputGradient, outputGradient, scale, default);
        }
    }

    protected override void CopyMatrixCore(Matrix output, Matrix source, bool accumulate)
    {
        if (source.Rows == 0 || source.Columns == 0) return;
        Grid grid = RowLaunch.Elements(source.Rows, source.Columns, out int lanesLog2);
        var arguments = new CopyMatrixArguments
        {
            Output = output,
            Source = source,
            Rows = source.Rows,
            Columns = source.Columns,
            Accumulate = accumulate ? 1 : 0,
            LanesLog2 = lanesLog2,
        };
        lock (_device.Gate) Launch(ActivationKernels.CopyMatrix, grid, arguments);
    }

    private static void CheckKind(Activation activation)
    {
        if (activation is < Activation.None or > Activation.Tanh) throw new ArgumentOutOfRangeException(nameof(activation), activation, "Unknown activation.");
    }

    private void ScaleRows(Matrix output, Matrix input, DeviceSpan<float> scale, Matrix residual)
    {
        Grid grid = RowLaunch.Elements(input.Rows, input.Columns, out int lanesLog2);
        var arguments = new ScaleColumnsArguments
        {
            Output = output,
            Input = input,
            Residual = residual,
            Scale = scale.Address,
            Rows = input.Rows,
            Columns = input.Columns,
            LanesLog2 = lanesLog2,
        };
        Launch(ActivationKernels.ScaleColumns, grid, arguments);
    }
}
