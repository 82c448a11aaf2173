namespace MergeEngine.Tensors.Operations;

/// <content>Point-wise operations on activations.</content>
public abstract partial class OperationSet
{
    /// <summary>output[i] ← act(input[i]).</summary>
    /// <param name="output">[n]; may be the input.</param>
    /// <param name="input">Exactly n elements.</param>
    /// <param name="activation">act.</param>
    public void ActivationForward(DeviceSpan<float> output, DeviceSpan<float> input, Activation activation)
    {
        Check(output, input.Length);
        Check(input, input.Length);
        ActivationForwardCore(output, input, activation);
    }

    /// <summary>inputGradient[i] ← outputGradient[i]·act′(input[i]).</summary>
    /// <param name="inputGradient">[n]; may be <paramref name="outputGradient"/>.</param>
    /// <param name="outputGradient">[n].</param>
    /// <param name="input">Exactly n elements: what the activation was given.</param>
    /// <param name="activation">act.</param>
    public void ActivationBackward(DeviceSpan<float> inputGradient, DeviceSpan<float> outputGradient, DeviceSpan<float> input, Activation activation)
    {
        Check(inputGradient, input.Length);
        Check(outputGradient, input.Length);
        Check(input, input.Length);
        ActivationBackwardCore(inputGradient, outputGradient, input, activation);
    }

    /// <summary>output[r, c] ← input[r, c]·scale[c], plus residual[r, c] where given (layer scale, arXiv 2103.17239).</summary>
    /// <param name="output">[rows, columns]; may be the input or the residual.</param>
    /// <param name="input">[rows, columns].</param>
    /// <param name="scale">[columns].</param>
    /// <param name="residual">[rows, columns], optional.</param>
    public void ScaleColumnsForward(Matrix output, Matrix input, DeviceSpan<float> scale, Matrix residual = default)
    {
        Check(output, input.Rows, input.Columns);
        Check(input, input.Rows, input.Columns);
        Check(scale, input.Columns);
        Check(residual, input.Rows, input.Columns, optional: true);
        ScaleColumnsForwardCore(output, input, scale, residual);
    }

    /// <summary>inputGradient ← outputGradient·scale[c] (overwrites); scaleGradient[c] += Σ outputGradient ⊙ input, reduced by sample.</summary>
    /// <param name="inputGradient">[rows, columns]; may alias <paramref name="outputGradient"/>.</param>
    /// <param name="scaleGradient">[columns]; <c>default</c> for a frozen scale.</param>
    /// <param name="outputGradient">[rows, columns].</param>
    /// <param name="input">[rows, columns].</param>
    /// <param name="scale">[columns].</param>
    /// <param name="reduction">How samples are put together.</param>
    /// <param name="rowsPerSample">Rows of one sample.</param>
    public void ScaleColumnsBackward(
        Matrix inputGradient, DeviceSpan<float> scaleGradient, Matrix outputGradient, Matrix input, DeviceSpan<float> scale, GradientReduction reduction, int rowsPerSample)
    {
        CheckRowsPerSample(input.Rows, rowsPerSample);
        Check(inputGradient, input.Rows, input.Columns);
        Check(scaleGradient, input.Columns, optional: true);
        Check(outputGradient, input.Rows, input.Columns);
        Check(input, input.Rows, input.Columns);
        Check(scale, input.Columns);
        ScaleColumnsBackwardCore(inputGradient, scaleGradient, outputGradient, input, scale, reduction, rowsPerSample);
    }

    /// <summary>output ← source, between matrices of any strides: one token of every sample, a column range. With <paramref name="accumulate"/>: output += source.</summary>
    public void CopyMatrix(Matrix output, Matrix source, bool accumulate = false)
    {
        Check(output, source.Rows, source.Columns);
        Check(source, source.Rows, source.Columns);
        CopyMatrixCore(output, source, accumulate);
    }

    protected abstract void ActivationForwardCore(DeviceSpan<float> output, DeviceSpan<float> input, Activation activation);

    protected abstract void ActivationBackwardCore(DeviceSpan<float> inputGradient, DeviceSpan<float> outputGradient, DeviceSpan<float> input, Activation activation);

    protected abstract void ScaleColumnsForwardCore(Matrix output, Matrix input, DeviceSpan<float> scale, Matrix residual);

    protected abstract void ScaleColumnsBackwardCore(
        Matrix inputGradient, DeviceSpan<float> scaleGradient, Matrix outputGradient, Matrix input, DeviceSpan<float> scale, GradientReduction reduction, int rowsPerSample);

    protected abstract void CopyMatrixCore(Matrix output, Matrix source, bool accumulate);
}
