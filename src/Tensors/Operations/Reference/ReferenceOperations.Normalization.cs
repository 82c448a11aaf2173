namespace MergeEngine.Tensors.Operations.Reference;

/// <content>LayerNorm and the normalisation of rows.</content>
public unsafe partial class ReferenceOperations
{
    protected override void LayerNormForwardCore(
        Matrix output, DeviceSpan<float> mean, DeviceSpan<float> inverseDeviation, Matrix input, DeviceSpan<float> weight, DeviceSpan<float> bias, float epsilon)
    {
        int width = input.Columns;
        for (int r = 0; r < input.Rows; r++)
        {
            (double average, double inverse) = Moments(Row(input, r), width, epsilon);
            for (int c = 0; c < width; c++)
                Row(output, r)[c] = (float)(((Row(input, r)[c] - average) * inverse * weight.Pointer[c]) + bias.Pointer[c]);
            if (!mean.IsNone) mean.Pointer[r] = (float)average;
            if (!inverseDeviation.IsNone) inverseDeviation.Pointer[r] = (float)inverse;
        }
    }

    protected override void AddLayerNormForwardCore(
        Matrix sum, Matrix output, DeviceSpan<float> mean, DeviceSpan<float> inverseDeviation, Matrix input, Matrix residual, DeviceSpan<float> weight, DeviceSpan<float> bias, float epsilon)
    {
        for (int r = 0; r < input.Rows; r++)
        {
            for (int c = 0; c < input.Columns; c++) Row(sum, r)[c] = Row(input, r)[c] + Row(residual, r)[c];
        }

        LayerNormForwardCore(output, mean, inverseDeviation, sum, weight, bias, epsilon);
    }

    /// <remarks>dx = (g − mean(g) − x̂·mean(g ⊙ x̂))/σ with g = dy ⊙ weight and x̂ = (x − μ)/σ.</remarks>
    protected override void LayerNormBackwardCore(
        Matrix inputGradient, DeviceSpan<float> weightGradient, DeviceSpan<float> biasGradient, Matrix outputGradient, Matrix input,
        DeviceSpan<float> mean, DeviceSpan<float> inverseDeviation, DeviceSpan<float> weight, GradientReduction reduction, int rowsPerSample, bool accumulate)
    {
        int width = input.Columns;
        int group = reduction == GradientReduction.Sum ? input.Rows : rowsPerSample;
        for (int c = 0; c < width; c++)
        {
            double totalW = 0, totalB = 0;
            for (int first = 0; first < input.Rows; first += group)
            {
                double dw = 0, db = 0;
                for (int r = first; r < first + group; r++)
                {
                    double dy = Row(outputGradient, r)[c];
                    dw += dy * (((double)Row(input, r)[c] - mean.Pointer[r]) * inverseDeviation.Pointer[r]);
                    db += dy;
                }

                totalW += Reduced(dw, reduction);
                totalB += Reduced(db, reduction);
            }

            if (!weightGradient.IsNone) weightGradient.Pointer[c] = (float)(weightGradient.Pointer[c] + totalW);
            if (!biasGradient.IsNone) biasGradient.Pointer[c] = (float)(biasGradient.Pointer[c] + totalB);
        }

        for (int r = 0; r < input.Rows; r++)
        {
            double average = mean.Pointer[r], inverse = inverseDeviation.Pointer[r], sumG = 0, sumGx = 0;
            for (int c = 0; c < width; c++)
            {
                double g = (double)Row(outputGradient, r)[c] * weight.Pointer[c];
                sumG += g;
                sumGx += g * ((Row(input, r)[c] - average) * inverse);
            }

            for (int c = 0; c < width; c++)
            {
                double g = (double)Row(outputGradient, r)[c] * weight.Pointer[c];
                double dx = inverse * (g - (sumG / width) - ((Row(input, r)[c] - average) * inverse * sumGx / width));
                Row(inputGradient, r)[c] = (float)(accumulate ? Row(inputGradient, r)[c] + dx : dx);
            }
        }
    }

    protected override void NormalizeRowsForwardCore(Matrix output, DeviceSpan<float> norms, Matrix input)
    {
        for (int r = 0; r < input.Rows; r++)
        {
            double square = 0;
            for (int c = 0; c < input.Columns; c++) square += (double)Row(input, r)[c] * Row(input, r)[c];
            double norm = Math.Sqrt(square);
            for (int c = 0; c < input.Columns; c++) Row(output, r)[c] = (float)(Row(input, r)[c] / Math.Max(norm, 1e-12));
            if (!norms.IsNone) norms.Pointer[r] = (float)norm;
        }
    }

    protected override void NormalizeRowsBackwardCore(Matrix inputGradient, Matrix outputGradient, Matrix output, DeviceSpan<float> norms)
    {
        for (int r = 0; r < output.Rows; r++)
        {
            double dot = 0;
            for (int c = 0; c < output.Columns; c++) dot += (double)Row(output, r)[c] * Row(outputGradient, r)[c];
            for (int c = 0; c < output.Columns; c++)
                Row(inputGradient, r)[c] = (float)((Row(outputGradient, r)[c] - (Row(output, r)[c] * dot)) / Math.Max(norms.Pointer[r], 1e-12));
        }
    }

    private static (double Mean, double InverseDeviation) Moments(float* x, int width, float epsilon)
    {
        double sum = 0, square = 0;
        for (int c = 0; c < width; c++) sum += x[c];
        double mean = sum / width;
        for (int c = 0; c < width; c++) square += (x[c] - mean) * (x[c] - mean);
        return (mean, 1 / Math.Sqrt((square / width) + epsilon));
    }
}
