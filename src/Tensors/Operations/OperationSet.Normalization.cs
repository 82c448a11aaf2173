namespace MergeEngine.Tensors.Operations;

/// <content>LayerNorm (Ba et al., arXiv 1607.06450) and the normalisation of rows to length one.</content>
public abstract partial class OperationSet
{
    /// <summary>output ← (input − mean)/√(variance + ε)·weight + bias, by row; the variance is the biased one.</summary>
    /// <param name="output">[rows, width]; may alias <paramref name="input"/> when no backward pass follows.</param>
    /// <param name="mean">[rows], kept for the backward pass; optional together with <paramref name="inverseDeviation"/>.</param>
    /// <param name="inverseDeviation">[rows]: 1/√(variance + ε).</param>
    /// <param name="input">[rows, width].</param>
    /// <param name="weight">[width].</param>
    /// <param name="bias">[width].</param>
    /// <param name="epsilon">ε, down to 1e-12.</param>
    public void LayerNormForward(
        Matrix output, DeviceSpan<float> mean, DeviceSpan<float> inverseDeviation, Matrix input, DeviceSpan<float> weight, DeviceSpan<float> bias, float epsilon)
    {
        Check(output, input.Rows, input.Columns);
        Check(mean, input.Rows, optional: true);
        Check(inverseDeviation, input.Rows, optional: true);
        Check(input, input.Rows, input.Columns);
        Check(weight, input.Columns);
        Check(bias, input.Columns);
        LayerNormForwardCore(output, mean, inverseDeviation, input, weight, bias, epsilon);
    }

    /// <summary>sum ← input + residual, then output ← LayerNorm(sum), in one pass over memory.</summary>
    /// <param name="sum">[rows, width]; may alias <paramref name="input"/> or <paramref name="residual"/>.</param>
    /// <param name="output">[rows, width].</param>
    /// <param name="mean">[rows], kept for the backward pass; optional together with <paramref name="inverseDeviation"/>.</param>
    /// <param name="inverseDeviation">[rows]: 1/√(variance + ε).</param>
    /// <param name="input">[rows, width].</param>
    /// <param name="residual">[rows, width].</param>
    /// <param name="weight">[width].</param>
    /// <param name="bias">[width].</param>
    /// <param name="epsilon">ε, down to 1e-12.</param>
    public void AddLayerNormForward(
        Matrix sum, Matrix output, DeviceSpan<float> mean, DeviceSpan<float> inverseDeviation, Matrix input, Matrix residual, DeviceSpan<float> weight, DeviceSpan<float> bias, float epsilon)
    {
        Check(sum, input.Rows, input.Columns);
        Check(output, input.Rows, input.Columns);
        Check(mean, input.Rows, optional: true);
        Check(inverseDeviation, input.Rows, optional: true);
        Check(input, input.Rows, input.Columns);
        Check(residual, input.Rows, input.Columns);
        Check(weight, input.Columns);
        Check(bias, input.Columns);
        AddLayerNormForwardCore(sum, output, mean, inverseDeviation, input, residual, weight, bias, epsilon);
    }

    /// <summary>Backward pass of LayerNorm; <paramref name="input"/> is what was normalised (the sum, after a residual).</summary>
    /// <param name="inputGradient">[rows, width]; may alias <paramref name="outputGradient"/> unless accumulating.</param>
    /// <param name="weightGradient">[width]; <c>default</c> when frozen.</param>
    /// <param name="biasGradient">[width]; <c>default</c> when frozen.</param>
    /// <param name="outputGradient">[rows, width].</param>
    /// <param name="input">[rows, width].</param>
    /// <param name="mean">[rows] from the forward pass.</param>
    /// <param name="inverseDeviation">[rows] from the forward pass.</param>
    /// <param name="weight">[width].</param>
    /// <param name="reduction">How samples are put together.</param>
    /// <param name="rowsPerSample">Rows of one sample.</param>
    /// <param name="accumulate">inputGradient += (the residual stream) instead of ←.</param>
    public void LayerNormBackward(
        Matrix inputGradient, DeviceSpan<float> weightGradient, DeviceSpan<float> biasGradient, Matrix outputGradient, Matrix input,
        DeviceSpan<float> mean, DeviceSpan<float> inverseDeviation, DeviceSpan<float> weight, GradientReduction reduction, int rowsPerSample, bool accumulate = false)
    {
        CheckRowsPerSample(input.Rows, rowsPerSample);
        Check(inputGradient, input.Rows, input.Columns);
        Check(weightGradient, input.Columns, optional: true);
        Check(biasGradient, input.Columns, optional: true);
        Check(outputGradient, input.Rows, input.Columns);
        Check(input, input.Rows, input.Columns);
        Check(mean, input.Rows);
        Check(inverseDeviation, input.Rows);
        Check(weight, input.Columns);
        LayerNormBackwardCore(inputGradient, weightGradient, biasGradient, outputGradient, input, mean, inverseDeviation, weight, reduction, rowsPerSample, accumulate);
    }

    /// <summary>output ← input/max(‖input‖₂, 1e-12) by row; norms receives ‖input‖₂. A zero row stays zero.</summary>
    /// <param name="output">[rows, width]; may alias <paramref name="input"/> when no backward pass follows.</param>
    /// <param name="norms">[rows], optional.</param>
    /// <param name="input">[rows, width].</param>
    public void NormalizeRowsForward(Matrix output, DeviceSpan<float> norms, Matrix input)
    {
        Check(output, input.Rows, input.Columns);
        Check(norms, input.Rows, optional: true);
        Check(input, input.Rows, input.Columns);
        NormalizeRowsForwardCore(output, norms, input);
    }

    /// <summary>inputGradient ← (dY − y·⟨y, dY⟩)/‖x‖ by row, where y is the normalised output.</summary>
    /// <param name="inputGradient">[rows, width]; may alias <paramref name="outputGradient"/>.</param>
    /// <param name="outputGradient">dY [rows, width].</param>
    /// <param name="output">y [rows, width], of the forward pass.</param>
    /// <param name="norms">‖x‖ [rows], of the forward pass.</param>
    public void NormalizeRowsBackward(Matrix inputGradient, Matrix outputGradient, Matrix output, DeviceSpan<float> norms)
    {
        Check(inputGradient, output.Rows, output.Columns);
        Check(outputGradient, output.Rows, output.Columns);
        Check(output, output.Rows, output.Columns);
        Check(norms, output.Rows);
        NormalizeRowsBackwardCore(inputGradient, outputGradient, output, norms);
    }

    protected abstract void LayerNormForwardCore(
        Matrix output, DeviceSpan<float> mean, DeviceSpan<float> inverseDeviation, Matrix input, DeviceSpan<float> weight, DeviceSpan<float> bias, float epsilon);

    protected abstract void AddLayerNormForwardCore(
        Matrix sum, Matrix output, DeviceSpan<float> mean, DeviceSpan<float> inverseDeviation, Matrix input, Matrix residual, DeviceSpan<float> weight, DeviceSpan<float> bias, float epsilon);

    protected abstract void LayerNormBackwardCore(
        Matrix inputGradient, DeviceSpan<float> weightGradient, DeviceSpan<float> biasGradient, Matrix outputGradient, Matrix input,
        DeviceSpan<float> mean, DeviceSpan<float> inverseDeviation, DeviceSpan<float> weight, GradientReduction reduction, int rowsPerSample, bool accumulate);

    protected abstract void NormalizeRowsForwardCore(Matrix output, DeviceSpan<float> norms, Matrix input);

    protected abstract void NormalizeRowsBackwardCore(Matrix inputGradient, Matrix outputGradient, Matrix output, DeviceSpan<float> norms);
}
