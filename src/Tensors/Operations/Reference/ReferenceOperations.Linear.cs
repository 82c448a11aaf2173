namespace MergeEngine.Tensors.Operations.Reference;

/// <content>Matrix products and the linear layer.</content>
public unsafe partial class ReferenceOperations
{
    protected override void MatrixProductCore(Matrix c, Matrix a, Matrix b, bool transposeA, bool transposeB, float alpha, float beta)
    {
        int depth = transposeA ? a.Rows : a.Columns;
        for (int i = 0; i < c.Rows; i++)
        {
            for (int j = 0; j < c.Columns; j++)
            {
                double sum = 0;
                for (int k = 0; k < depth; k++)
                    sum += (double)(transposeA ? Row(a, k)[i] : Row(a, i)[k]) * (transposeB ? Row(b, j)[k] : Row(b, k)[j]);
                double old = beta == 0 ? 0 : beta * (double)Row(c, i)[j];
                Row(c, i)[j] = (float)((alpha * sum) + old);
            }
        }
    }

    protected override void LinearForwardCore(Matrix output, Matrix input, Matrix weight, DeviceSpan<float> bias, Activation activation, Matrix preActivation)
    {
        for (int r = 0; r < input.Rows; r++)
        {
            float* x = Row(input, r);
            for (int o = 0; o < weight.Rows; o++)
            {
                float* w = Row(weight, o);
                double sum = bias.IsNone ? 0 : bias.Pointer[o];
                for (int k = 0; k < input.Columns; k++) sum += (double)x[k] * w[k];
                if (!preActivation.IsNone) Row(preActivation, r)[o] = (float)sum;
                Row(output, r)[o] = (float)Apply(activation, sum);
            }
        }
    }

    protected override void LinearBackwardInputCore(
        Matrix inputGradient, Matrix outputGradient, Matrix weight, bool accumulate, Activation activation, Matrix preActivation)
    {
        double[] sum = new double[weight.Columns];
        for (int r = 0; r < outputGradient.Rows; r++)
        {
            Array.Clear(sum);
            for (int o = 0; o < weight.Rows; o++)
            {
                double dy = Row(outputGradient, r)[o];
                float* w = Row(weight, o);
                for (int k = 0; k < sum.Length; k++) sum[k] += dy * w[k];
            }

            float* dx = Row(inputGradient, r);
            for (int k = 0; k < sum.Length; k++)
            {
                double value = activation == Activation.None ? sum[k] : sum[k] * Derivative(activation, Row(preActivation, r)[k]);
                dx[k] = (float)(accumulate ? dx[k] + value : value);
            }
        }
    }

    protected override void LinearBackwardWeightCore(
        Matrix weightGradient, DeviceSpan<float> biasGradient, Matrix outputGradient, Matrix input, GradientReduction reduction, int rowsPerSample)
    {
        int group = reduction == GradientReduction.Sum ? input.Rows : rowsPerSample;
        double[] sum = new double[input.Columns];
        for (int first = 0; first < input.Rows; first += group)
        {
            for (int o = 0; o < outputGradient.Columns; o++)
            {
                Array.Clear(sum);
                double biasSum = 0;
                for (int r = first; r < first + group; r++)
                {
                    double dy = Row(outputGradient, r)[o];
                    biasSum += dy;
                    float* x = Row(input, r);
                    for (int k = 0; k < sum.Length; k++) sum[k] += dy * x[k];
                }

                if (!weightGradient.IsNone)
                {
                    for (int k = 0; k < sum.Length; k++) Reduce(Row(weightGradient, o) + k, sum[k], reduction);
                }

                if (!biasGradient.IsNone) Reduce(biasGradient.Pointer + o, biasSum, reduction);
            }
        }
    }
}
