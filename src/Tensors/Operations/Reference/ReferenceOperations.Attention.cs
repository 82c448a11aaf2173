namespace MergeEngine.Tensors.Operations.Reference;

/// <content>Softmax attention, one row of scores at a time.</content>
public unsafe partial class ReferenceOperations
{
    protected override void AttentionForwardCore(
        Matrix output, DeviceSpan<float> logSumExp, Matrix query, Matrix key, Matrix value, AttentionShape shape, DeviceSpan<int> keyMask)
    {
        double[] p = new double[shape.Tokens];
        for (int n = 0; n < shape.Batch; n++)
        {
            for (int h = 0; h < shape.Heads; h++)
            {
                for (int t = 0; t < shape.Tokens; t++)
                {
                    double lse = Scores(p, query, key, shape, keyMask, n, h, t);
                    if (!logSumExp.IsNone) logSumExp.Pointer[(((long)n * shape.Heads) + h) * shape.Tokens + t] = (float)lse;
                    for (int d = 0; d < shape.HeadSize; d++)
                    {
                        int column = (h * shape.HeadSize) + d;
                        double sum = 0;
                        for (int s = 0; s < shape.Tokens; s++) sum += p[s] * Row(value, (n * shape.Tokens) + s)[column];
                        Row(output, (n * shape.Tokens) + t)[column] = (float)sum;
                    }
                }
            }
        }
    }

    /// <remarks>dP = dO·Vᵀ; dS = P ⊙ (dP − ⟨dO, O⟩); dQ = dS·K/√d; dK = dSᵀ·Q/√d; dV = Pᵀ·dO.</remarks>
    protected override void AttentionBackwardCore(
        Matrix queryGradient, Matrix keyGradient, Matrix valueGradient, Matrix outputGradient, Matrix output, DeviceSpan<float> logSumExp,
        Matrix query, Matrix key, Matrix value, AttentionShape shape, DeviceSpan<int> keyMask)
    {
        int tokens = shape.Tokens, size = shape.HeadSize;
        double[] p = new double[tokens];
        double[] dq = new double[tokens * size], dk = new double[tokens * size], dv = new double[tokens * size];
        for (int n = 0; n < shape.Batch; n++)
        {
            for (int h = 0; h < shape.Heads; h++)
            {
                Array.Clear(dq);
                Array.Clear(dk);
                Array.Clear(dv);
                int first = n * tokens, column = h * size;
                for (int t = 0; t < tokens; t++)
                {
                    Scores(p, query, key, shape, keyMask, n, h, t);
                    float* dO = Row(outputGradient, first + t) + column;
                    double delta = 0;
                    for (int s = 0; s < tokens; s++)
                    {
                        float* v = Row(value, first + s) + column;
                        double dp = 0;
                        for (int d = 0; d < size; d++) dp += (double)dO[d] * v[d];
                        delta += p[s] * dp;
                    }

                    for (int s = 0; s < tokens; s++)
                    {
                        float* v = Row(value, first + s) + column;
                        double dp = 0;
                        for (int d = 0; d < size; d++) dp += (double)dO[d] * v[d];
                        double ds = p[s] * (dp - delta) / Math.Sqrt(size);
                        for (int d = 0; d < size; d++)
                        {
                            dq[(t * size) + d] += ds * Row(key, first + s)[column + d];
                            dk[(s * size) + d] += ds * Row(query, first + t)[column + d];
                            dv[(s * size) + d] += p[s] * dO[d];
                        }
                    }
                }

                for (int t = 0; t < tokens; t++)
                {
                    for (int d = 0; d < size; d++)
                    {
                        Row(queryGradient, first + t)[column + d] = (float)dq[(t * size) + d];
                        Row(keyGradient, first + t)[column + d] = (float)dk[(t * size) + d];
                        Row(valueGradient, first + t)[column + d] = (float)dv[(t * size) + d];
                    }
                }
            }
        }
    }

    /// <summary>Fills p with the softmax of query row t and returns its log-sum-exp; all zero and −∞ where every key is hidden.</summary>
    private static double Scores(double[] p, Matrix query, Matrix key, AttentionShape shape, DeviceSpan<int> keyMask, int n, int h, int t)
    {
        int first = n * shape.Tokens, column = h * shape.HeadSize;
        double max = double.NegativeInfinity;
        for (int s = 0; s < shape.Tokens; s++)
        {
            bool hidden = (shape.Causal && s > t) || (!keyMask.IsNone && keyMask.Pointer[first + s] == 0);
            double dot = 0;
            for (int d = 0; d < shape.HeadSize; d++) dot += (double)Row(query, first + t)[column + d] * Row(key, first + s)[column + d];
            p[s] = hidden ? double.NegativeInfinity : dot / Math.Sqrt(shape.HeadSize);
            max = Math.Max(max, p[s]);
        }

        if (double.IsNegativeInfinity(max))
        {
            Array.Clear(p);
            return max;
        }

        double sum = 0;
        for (int s = 0; s < shape.Tokens; s++) sum += p[s] = Math.Exp(p[s] - max);
        for (int s = 0; s < shape.Tokens; s++) p[s] /= sum;
        return max + Math.Log(sum);
    }
}
