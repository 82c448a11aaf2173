namespace MergeEngine.Tensors.Operations.Reference;

/// <content>Point-wise operations on activations.</content>
public unsafe partial class ReferenceOperations
{
    protected override void ActivationForwardCore(DeviceSpan<float> output, DeviceSpan<float> input, Activation activation)
    {
        for (long i = 0; i < input.Length; i++) output.Pointer[i] = (float)Apply(activation, input.Pointer[i]);
    }

    protected override void ActivationBackwardCore(DeviceSpan<float> inputGradient, DeviceSpan<float> outputGradient, DeviceSpan<float> input, Activation activation)
    {
        for (long i = 0; i < input.Length; i++)
            inputGradient.Pointer[i] = (float)(outputGradient.Pointer[i] * Derivative(activation, input.Pointer[i]));
    }

    protected override void ScaleColumnsForwardCore(Matrix output, Matrix input, DeviceSpan<float> scale, Matrix residual)
    {
        for (int r = 0; r < input.Rows; r++)
        {
            for (int c = 0; c < input.Columns; c++)
                Row(output, r)[c] = (float)(((double)Row(input, r)[c] * scale.Pointer[c]) + (residual.IsNone ? 0 : Row(residual, r)[c]));
        }
    }

    protected override void ScaleColumnsBackwardCore(
        Matrix inputGradient, DeviceSpan<float> scaleGradient, Matrix outputGradient, Matrix input, DeviceSpan<float> scale, GradientReduction reduction, int rowsPerSample)
    {
        int group = reduction == GradientReduction.Sum ? input.Rows : rowsPerSample;
        for (int c = 0; c < input.Columns; c++)
        {
            double total = 0;
            for (int first = 0; first < input.Rows; first += group)
            {
                double sum = 0;
                for (int r = first; r < first + group; r++) sum += (double)Row(outputGradient, r)[c] * Row(input, r)[c];
                total += Reduced(sum, reduction);
            }

            if (!scaleGradient.IsNone) scaleGradient.Pointer[c] = (float)(scaleGradient.Pointer[c] + total);
            for (int r = 0; r < input.Rows; r++) Row(inputGradient, r)[c] = (float)((double)Row(outputGradient, r)[c] * scale.Pointer[c]);
        }
    }

    protected override void CopyMatrixCore(Matrix output, Matrix source, bool accumulate)
    {
        for (int r = 0; r < source.Rows; r++)
        {
            for (int c = 0; c < source.Columns; c++)
                Row(output, r)[c] = accumulate ? Row(output, r)[c] + Row(source, r)[c] : Row(source, r)[c];
        }
    }
}
