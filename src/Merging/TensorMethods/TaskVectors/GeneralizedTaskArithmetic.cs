using MergeEngine.Merging.Recipes.Parameters;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>
/// What mergekit's task-vector methods share, for every tensor by itself: d_k = x_k − b; each is thinned out by the method's rule; with <c>rescale</c>
/// multiplied by Σ|d_k| / Σ|thinned d_k|; p_k = w_k·d_k; output = b + λ·m.
/// <list type="bullet">
/// <item>Without election m = Σ p_k, with <c>normalize</c> divided by Σ w_k, unless that is 0 to eight digits.</item>
/// <item>With election the sign of Σ p_k, + where that is 0, is elected at each position, and m sums the p_k that have it; with <c>normalize</c>
/// divided by the sum of their weights, unless that is 0.</item>
/// </list>
/// Where it differs from the papers: signs are those of weighted differences, trimming is by tensor, the weights' sum divides in place of a count.
/// </summary>
/// <remarks>
/// Differences are float32; sums are float64, Σ p_k = fma(w_k, d_k, …) in the order of the recipe, so a product's last digits decide an election of products that would cancel once rounded; the
/// result is rounded to float32, and that to the output's type. So the largest error is half a unit of the output's last place, 2⁻²⁵ of the result and 2⁻²⁴·λ·Σ|p_k|.
/// </remarks>
public abstract class GeneralizedTaskArithmetic : TensorMethod
{
    /// <summary>Whether a sign is elected.</summary>
    protected abstract bool Elects { get; }

    public sealed override bool HasFloat64 => true;

    /// <summary>Differences and, one after the other, sorted copies of them.</summary>
    /// <inheritdoc/>
    public override int Float64Arrays(int models) => (2 * models) + 1;

    public sealed override TensorMerge Begin(TensorTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        (List<ModelDifference> models, DifferenceRule rule, double divisor) = Combine(task);
        return new DifferenceMerge(task, models, rule, task.Parameters.Number("lambda") / divisor, task.Parameters.Flag("rescale"));
    }

    public sealed override void MergeFloat64(TensorTask task, IReadOnlyList<double[]> inputs, double[] output)
    {
        ArgumentNullException.ThrowIfNull(task);
        (List<ModelDifference> models, DifferenceRule rule, double divisor) = Combine(task);
        DifferenceFloat64.Merge(task, models, rule, divisor, task.Parameters.Number("lambda"), task.Parameters.Flag("rescale"), inputs, output);
    }

    /// <summary>The differences, what is made of them, and the divisor of that where all weights add up to one.</summary>
    private (List<ModelDifference> Models, DifferenceRule Rule, double Divisor) Combine(TensorTask task)
    {
        RequireBase(task, Name);
        TensorParameters parameters = task.Parameters;
        var models = new List<ModelDifference>();
        double weights = 0;
        foreach (int source in parameters.Models)
        {
            double weight = parameters.Number("weight", source);
            weights += weight;
            models.Add(new ModelDifference(source, weight, Thin(task, source)));
        }

        bool normalize = parameters.Flag("normalize");
        DifferenceRule rule = !Elects ? DifferenceRule.Sum : normalize ? DifferenceRule.ElectedMean : DifferenceRule.Elected;
        return (models, rule, !Elects && normalize && Math.Abs(weights) >= 1e-8 ? weights : 1);
    }

    /// <summary>What of a model's difference counts.</summary>
    private protected abstract Thinning Thin(TensorTask task, int source);

    /// <summary>A task without a base is one that no recipe can ask for.</summary>
    internal static void RequireBase(TensorTask task, string method)
    {
        if (task.Base < 0 || task.Base >= task.Inputs) throw new ArgumentException($"Method '{method}' merges differences from a base, and tensor '{task.Name}' has none.", nameof(task));
    }
}
