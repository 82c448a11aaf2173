using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>
/// SCE (Wan et al., FuseChat 3.0, arXiv 2408.07990), for every tensor by itself. Select: of the elements whose variance over the models is not 0 the share <c>select_topk</c>
/// with the largest variance, rounded down, equal ones by lowest index; all from 1 on. Calculate: weights m_k = mean d_k² / Σ_j mean d_j² of what is
/// selected. Erase: the sign of Σ d_k is elected, + where that is 0. output = b + Σ m_k·d_k / Σ m_k over the models that agree.
/// </summary>
public sealed class SceMethod : TensorMethod
{
    public override string Name => "sce";

    public override TensorMerge Begin(TensorTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        GeneralizedTaskArithmetic.RequireBase(task, Name);
        return new SceMerge(task);
    }

    public override bool HasFloat64 => true;

    /// <summary>What is selected, the differences, and the variances with a sorted copy.</summary>
    /// <inheritdoc/>
    public override int Float64Arrays(int models) => (2 * models) + 3;

    public override void MergeFloat64(TensorTask task, IReadOnlyList<double[]> inputs, double[] output)
    {
        ArgumentNullException.ThrowIfNull(task);
        GeneralizedTaskArithmetic.RequireBase(task, Name);
        double[] origin = inputs[task.Base];
        double[][] models = [.. task.Parameters.Models.Select(m => inputs[m])];
        double share = task.Parameters.Number("select_topk");
        if (models.Length == 0 || share <= 0)
        {
            origin.CopyTo(output, 0);
            return;
        }

        // The selection is one for all models.
        Thinning selected = share < 1 ? new SelectedThinning(SelectedOf(models, share)) : new NoThinning();
        double[] energies = [.. models.Select(x => DifferenceFloat64.Thinned(selected, x, origin, rescale: false).Sum(d => d * d) / origin.Length)], weights = SceMerge.WeightsOf(energies);
        ModelDifference[] terms = [.. weights.Select((w, k) => new ModelDifference(k, w, selected) { Vote = 1 })];
        DifferenceFloat64.Merge(task with { Base = models.Length }, terms, DifferenceRule.ElectedMean, 1, 1, rescale: false, [.. models, origin], output);
    }

    private static double VarianceOf(double[][] models, int i)
    {
        double mean = 0, square = 0;
        foreach (double[] model in models) mean += model[i] / models.Length;
        foreach (double[] model in models) square += (model[i] - mean) * (model[i] - mean);
        bool differ = false;
        foreach (double[] model in models) differ |= model[i] != models[0][i];
        return differ ? square / models.Length : 0;
    }

    /// <summary>Whether an element is among those with the largest variances. One with a variance that is no number, as a model is not finite there, is not.</summary>
    private static bool[] SelectedOf(double[][] models, double share)
    {
        double[] variance = [.. Enumerable.Range(0, models[0].Length).Select(i => VarianceOf(models, i))], sorted = [.. variance];
        Array.Sort(sorted);
        Selection selection = Magnitudes.Largest(variance, sorted, (long)(variance.Count(v => v != 0) * share));
        return [.. variance.Select((v, i) => selection.Contains(v, i))];
    }

    /// <summary>What is selected counts, and nothing else is looked at: a base that is not finite spoils no sum.</summary>
    private sealed class SelectedThinning(bool[] selected) : Thinning
    {
        public override void Choose(ReadOnlySpan<double> difference, Span<bool> counts) => selected.CopyTo(counts);
    }
}
