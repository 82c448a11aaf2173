namespace MergeEngine.Merging.TensorMethods.Averages;

/// <summary>The weighted average of the models: Σ w_k x_k/Σ w_k, or Σ w_k x_k without <c>normalize</c> (Wortsman et al., arXiv 2203.05482).</summary>
/// <remarks>
/// Parameters: weight of each model, normalize. mergekit adds up in float32 and divides the sum; here the coefficients w_k/Σ w_k and the sum are float64 and the result is
/// rounded once. Weights that sum to 0 are refused, where mergekit writes infinities and NaN. A model of weight 0 takes no part, also where it holds NaN.
/// </remarks>
public sealed class Linear : TensorMethod
{
    public override string Name => "linear";

    public override bool HasFloat64 => true;

    public override TensorMerge Begin(TensorTask task)
    {
        (double[] weights, double divisor) = Weights(task);
        for (int k = 0; k < weights.Length; k++) weights[k] /= divisor;
        return new CoefficientMerge(task.Device, weights);
    }

    /// <summary>As mergekit in float64: the sum with fused multiply-adds in the recipe's order, then divided.</summary>
    public override void MergeFloat64(TensorTask task, IReadOnlyList<double[]> inputs, double[] output)
    {
        (double[] weights, double divisor) = Weights(task);
        for (int i = 0; i < output.Length; i++)
        {
            double sum = 0;
            for (int k = 0; k < weights.Length; k++)
            {
                if (weights[k] != 0) sum = Math.FusedMultiplyAdd(inputs[k][i], weights[k], sum);
            }

            output[i] = sum / divisor;
        }
    }

    /// <summary>A weight for each input, and what divides their sum.</summary>
    private static (double[] Weights, double Divisor) Weights(TensorTask task)
    {
        var weights = new double[task.Inputs];
        double sum = 0, magnitude = 0;
        foreach (int model in task.Parameters.Models)
        {
            weights[model] = task.Parameters.Number("weight", model);
            sum += weights[model];
            magnitude += Math.Abs(weights[model]);
        }

        if (!task.Parameters.Flag("normalize")) return (weights, 1);

        // What is left of weights that cancel, such as 0.1 + 0.2 - 0.3, is no sum.
        return Math.Abs(sum) > 1e-12 * magnitude
            ? (weights, sum)
            : throw new ArgumentException($"The weights of 'linear' for '{task.Name}' sum to 0, and the average divides by their sum.", nameof(task));
    }
}
