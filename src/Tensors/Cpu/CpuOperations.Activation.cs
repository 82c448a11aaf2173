using MergeEngine.Tensors.Cpu.Elementwise;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.Normalization;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu;

/// <content>Point-wise operations on activations.</content>
internal sealed partial class CpuOperations
{
    protected override void ActivationForwardCore(DeviceSpan<float> output, DeviceSpan<float> input, Activation activation)
    {
        switch (activation)
        {
            case Activation.None:
                Activate<Identity>(output, input);
                break;
            case Activation.GeluErf:
                Activate<GeluErf>(output, input);
                break;
            case Activation.GeluTanh:
                Activate<GeluTanh>(output, input);
                break;
            case Activation.GeluQuick:
                Activate<QuickGelu>(output, input);
                break;
            case Activation.Tanh:
                Activate<HyperbolicTangent>(output, input);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(activation), activation, "Unknown activation.");
        }
    }

    protected override void ActivationBackwardCore(DeviceSpan<float> inputGradient, DeviceSpan<float> outputGradient, DeviceSpan<float> input, Activation activation)
    {
        switch (activation)
        {
            case Activation.None:
                Differentiate<Identity>(inputGradient, outputGradient, input);
                break;
            case Activation.GeluErf:
                Differentiate<GeluErf>(inputGradient, outputGradient, input);
                break;
            case Activation.GeluTanh:
                Differentiate<GeluTanh>(inputGradient, outputGradient, input);
                break;
            case Activation.GeluQuick:
                Differentiate<QuickGelu>(inputGradient, outputGradient, input);
                break;
            case Activation.Tanh:
                Differentiate<HyperbolicTangent>(inputGradient, outputGradient, input);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(activation), activation, "Unknown activation.");
        }
    }

    protected override void ScaleColumnsForwardCore(Matrix output, Matrix input, DeviceSpan<float> scale, Matrix residual)
    {
        var kernel = new ScaleColumnsForward(output, input, scale, residual);
        Run(kernel, kernel.Tasks);
    }

    protected override void ScaleColumnsBackwardCore(
        Matrix inputGradient, DeviceSpan<float> scaleGradient, Matrix outputGradient, Matrix input, DeviceSpan<float> scale, GradientReduction reduction, int rowsPerSample)
    {
        if (input.Rows == 0) return;
        using Leased<Workspace>.Lease workspace = _workspace.Take();
        var sums = new SampleSums(workspace.Value, input.Rows, input.Columns, 1, reduction, rowsPerSample);
        var kernel = new ScaleColumnsBackward(inputGradient, outputGradient, input, scale, sums, !scaleGradient.IsNone);
        Run(kernel, kernel.Tasks);
        AddSampleSums(sums, 0, scaleGradient);
    }

    protected override void CopyMatrixCore(Matrix output, Matrix source, bool accumulate)
    {
        var kernel = new CopyRows(output, source, accumulate);
        Run(kernel, kernel.Tasks);
    }

    private void Activate<TActivation>(DeviceSpan<float> output, DeviceSpan<float> input)
        where TActivation : struct, IActivation
    {
        var kernel = new ActivationForward<TActivation>(output, input);
        Run(kernel, kernel.Tasks);
    }

    private void Differentiate<TActivation>(DeviceSpan<float> inputGradient, DeviceSpan<float> outputGradient, DeviceSpan<float> input)
        where TActivation : struct, IActivation
    {
        var kernel = new ActivationBackward<TActivation>(inputGradient, outputGradient, input);
        Run(kernel, kernel.Tasks);
    }
}
