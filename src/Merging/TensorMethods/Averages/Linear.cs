namespace MergeEngine.Merging.TensorMethods.Averages;

/// <summary>The weighted average of the models: Σ w_k x_k/Σ w_k, or Σ w_k x_k without <c>normalize</c> (Wortsman et al., arXiv 2203.05482).</summary>
/// <remarks>
/// Parameters: weight of each model, normalize. mergekit adds up in float32 and divides the sum; here the coefficients w_k/Σ w_k and the sum are float64 and the result is
/// rounded once. Weights that sum to 0 are refused, where mergekit writes infinities and NaN. A model of weight 0 takes no part, also where it holds NaN.
/// </remarks>
public sealed class Linear : TensorMethod
{
    public override string Name => "linear";

    public override TensorMerge Begin(TensorTask task)
    {
        var coefficients = new double[task.Inputs];
        double sum = 0, magnitude = 0;
        foreach (int model in task.Parameters.Models)
        {
            coefficients[model] = task.Parameters.Number("weight", model);
            sum += coefficients[model];
            magnitude += Math.Abs(coefficients[model]);
        }

        if (task.Parameters.Flag("normalize"))
        {
            // What is left of weights that cancel, such as 0.1 + 0.2 - 0.3, is no sum.
            if (!(Math.Abs(sum) > 1e-12 * magnitude))
                throw new ArgumentException($"The weights of 'linear' for '{task.Name}' sum to 0, and the average divides by their sum.", nameof(task));
            for (int k = 0; k < coefficients.Length; k++) coefficients[k] /= sum;
        }

        return new CoefficientMerge(task.Device, coefficients);
    }
}
