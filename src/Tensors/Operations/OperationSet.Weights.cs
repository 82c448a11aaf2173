namespace MergeEngine.Tensors.Operations;

/// <content>Merges in which every element has a weight of its own. The same bits on every device.</content>
public abstract partial class OperationSet
{
    /// <summary>
    /// output[i] ← origin[i] + Σ_k c_k·(x_k[i] − origin[i]) / Σ_k c_k with c_k = factors[k]·max(weights[k][i], floor): a weighted mean of the x_k. Sums in float64 with fused multiply-adds in
    /// the order given, the result rounded once. The origin keeps its bits where nothing differs from it and where the c_k add up to 0.
    /// </summary>
    /// <param name="output">[n]; may be the origin or an input.</param>
    /// <param name="origin">[n]; any of the inputs will do.</param>
    /// <param name="inputs">x_k, vectors of [n].</param>
    /// <param name="weights">Vectors of [n], one for each input.</param>
    /// <param name="factors">One for each input.</param>
    /// <param name="floor">Smallest weight.</param>
    public void MergeWeighted(
        DeviceSpan<float> output, DeviceSpan<float> origin, ReadOnlySpan<DeviceSpan<float>> inputs, ReadOnlySpan<DeviceSpan<float>> weights, ReadOnlySpan<double> factors, double floor)
    {
        CheckInputs(inputs, factors.Length, output.Length);
        CheckInputs(weights, factors.Length, output.Length);
        Check(output, output.Length);
        Check(origin, output.Length);
        foreach (double factor in factors)
        {
            if (!double.IsFinite(factor)) throw new ArgumentException($"The factors of weights are finite numbers, found {factor}.", nameof(factors));
        }

        if (!double.IsFinite(floor)) throw new ArgumentOutOfRangeException(nameof(floor), floor, "The floor of a weight is a finite number.");
        if (output.Length > 0) MergeWeightedCore(output, origin, inputs, weights, factors, floor);
    }

    /// <summary>
    /// scores[i] ← max(0, exp(K·(N_k² − 1))·tanh(v_k[i]·Σ_j sgn(v_j[i])·N_j)) of vector k = <paramref name="index"/> among K, where N_j = (clip |v_j[i]| − low_j)/(high_j − low_j), in float64: how an
    /// element stands among those of its vector and against the same element of the others (PCB, Du et al., arXiv 2410.02396). NaN where a vector has one.
    /// </summary>
    public void CompetitionScores(DeviceSpan<double> scores, ReadOnlySpan<DeviceSpan<float>> vectors, ReadOnlySpan<CompetitionTerm> terms, int index)
    {
        CheckInputs(vectors, terms.Length, scores.Length);
        Check(scores, scores.Length);
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, terms.Length);
        if (scores.Length > 0) CompetitionScoresCore(scores, vectors, terms, index);
    }

    /// <summary>
    /// output[i] ← origin[i] + scale·Σ_k factor_k·s_k·c_k / max(Σ_k s_k, 1e-12), where c_k is v_k[i] with its magnitude clipped and s_k = (clip score_k − threshold_k)/(most_k − threshold_k) of
    /// <see cref="CompetitionScores"/>. The result is rounded once; the origin keeps its bits where nothing is added.
    /// </summary>
    /// <param name="output">[n]; may be the origin.</param>
    /// <param name="origin">[n].</param>
    /// <param name="vectors">v_k, vectors of [n].</param>
    /// <param name="terms">One for each vector.</param>
    /// <param name="scale">Finite.</param>
    public void MergeCompetition(DeviceSpan<float> output, DeviceSpan<float> origin, ReadOnlySpan<DeviceSpan<float>> vectors, ReadOnlySpan<CompetitionTerm> terms, double scale)
    {
        CheckInputs(vectors, terms.Length, output.Length);
        Check(output, output.Length);
        Check(origin, output.Length);
        if (!double.IsFinite(scale)) throw new ArgumentOutOfRangeException(nameof(scale), scale, "The scale of a merged difference is a finite number.");
        if (scale == 0)
            CopyCore(output, origin);
        else if (output.Length > 0)
            MergeCompetitionCore(output, origin, vectors, terms, scale);
    }

    protected abstract void MergeWeightedCore(
        DeviceSpan<float> output, DeviceSpan<float> origin, ReadOnlySpan<DeviceSpan<float>> inputs, ReadOnlySpan<DeviceSpan<float>> weights, ReadOnlySpan<double> factors, double floor);

    protected abstract void CompetitionScoresCore(DeviceSpan<double> scores, ReadOnlySpan<DeviceSpan<float>> vectors, ReadOnlySpan<CompetitionTerm> terms, int index);

    protected abstract void MergeCompetitionCore(
        DeviceSpan<float> output, DeviceSpan<float> origin, ReadOnlySpan<DeviceSpan<float>> vectors, ReadOnlySpan<CompetitionTerm> terms, double scale);

    /// <summary>A sum of weights below this is one of rounding errors: the published code's limit.</summary>
    private protected const double LeastCompetition = 1e-12;
}
