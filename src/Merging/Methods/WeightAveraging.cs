using System.Globalization;

namespace MergeEngine.Merging.Methods;

/// <summary>
/// The weighted mean of the models: θ = Σ_k w_k·θ_k / Σ_k w_k = θ_0 + Σ_k (w_k/Σw)·τ_k. No statistic.
/// </summary>
/// <remarks>
/// Wortsman et al., "Model soups", arXiv 2203.05482; with equal weights also the merge step of ATM with α = 1/K and one round of federated
/// averaging. Computed from the task vectors, which round much less than the models do; the base cancels.
/// <list type="table">
/// <listheader><term>parameter</term><description>meaning</description></listheader>
/// <item><term>weights</term><description>one for each model, divided by their sum; none: equal weights</description></item>
/// </list>
/// </remarks>
public sealed class WeightAveraging : MergeMethod
{
    private readonly double[] _weights;

    /// <param name="weights">One for each model, or none for equal weights.</param>
    /// <exception cref="ArgumentException">A weight is not a finite number, or they add up to zero.</exception>
    public WeightAveraging(params ReadOnlySpan<double> weights)
    {
        double sum = 0;
        foreach (double weight in weights)
        {
            if (!double.IsFinite(weight)) throw new ArgumentException($"A weight is {weight}, expected a finite number.", nameof(weights));
            sum += weight;
        }

        if (weights.Length > 0 && !(Math.Abs(sum) > 0)) throw new ArgumentException("The weights add up to 0, and a weighted mean divides by their sum.", nameof(weights));
        _weights = weights.ToArray();
        for (int k = 0; k < _weights.Length; k++) _weights[k] /= sum;
    }

    public override string Name => "average";

    public override IReadOnlyList<MethodParameter> Parameters =>
        _weights.Length == 0 ? [] : [new("weights", string.Join(", ", _weights.Select(w => w.ToString("0.######", CultureInfo.InvariantCulture))))];

    protected override MergePlan CreatePlan(MergeShape shape)
    {
        if (_weights.Length != 0 && _weights.Length != shape.TaskCount)
            throw new ArgumentException($"{_weights.Length} weights were given for {shape.TaskCount} models: expected one for each, or none.", nameof(shape));
        var weights = new float[shape.TaskCount];
        for (int k = 0; k < weights.Length; k++) weights[k] = (float)(_weights.Length == 0 ? 1.0 / shape.TaskCount : _weights[k]);
        return new WeightedSumPlan(shape, weights);
    }
}
