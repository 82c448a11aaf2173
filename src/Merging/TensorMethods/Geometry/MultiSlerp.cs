namespace MergeEngine.Merging.TensorMethods.Geometry;

/// <summary>
/// The mean of several models on the sphere, to first order, or of their differences from a base: with u_k = x_k/(|x_k| + eps), m = Σ w_k u_k/|Σ w_k u_k|, the result is
/// m·Σ w_k |x_k| (mergekit's multislerp).
/// </summary>
/// <remarks>
/// Parameters: weight of each model, normalize_weights, eps. mergekit adds a step along g = Σ w_k (u_k − (u_k·m) m), which is 0 because m is the direction of Σ w_k u_k: it moves the result by
/// rounding errors and is left out. Where |Σ w_k u_k| &lt; eps there is no direction: mergekit stops for three models or more, an untouched tensor among them; here the result is
/// Σ w_k x_k, as mergekit has it for two. One model is copied whatever its weight.
/// </remarks>
public sealed class MultiSlerp : TensorMethod
{
    public override string Name => "multislerp";

    public override bool HasFloat64 => true;

    public override TensorMerge Begin(TensorTask task) => Weighed(task).Begin(task);

    public override void MergeFloat64(TensorTask task, IReadOnlyList<double[]> inputs, double[] output) => Weighed(task).MergeFloat64(task, inputs, output);

    private static WeighedMerge Weighed(TensorTask task)
    {
        int[] models = [.. task.Parameters.Models];
        double eps = task.Parameters.Number("eps");
        double[] weights = [.. models.Select(m => task.Parameters.Number("weight", m))];
        if (task.Parameters.Flag("normalize_weights") && models.Length > 1)
        {
            double sum = weights.Sum();
            if (sum == 0) throw new ArgumentException($"The weights of 'multislerp' for '{task.Name}' sum to 0, and it divides by their sum.", nameof(task));
            for (int k = 0; k < weights.Length; k++) weights[k] /= sum;
        }

        return new WeighedMerge(models, task.Base, (gram, shares) => Weigh(gram, weights, eps, shares));
    }

    private static void Weigh(GramMatrix gram, double[] weights, double eps, Span<double> shares)
    {
        if (gram.Count == 1)
        {
            shares[0] = 1;
            return;
        }

        double length = 0;
        for (int k = 0; k < gram.Count; k++)
        {
            double norm = gram.Norm(k);
            shares[k] = norm == 0 ? 0 : weights[k] / (norm + eps);
            length += weights[k] * norm;
        }

        double mean = gram.Norm(shares);
        if (!(mean >= eps) || mean == 0)
        {
            weights.CopyTo(shares);
            return;
        }

        for (int k = 0; k < gram.Count; k++) shares[k] *= length / mean;
    }
}
