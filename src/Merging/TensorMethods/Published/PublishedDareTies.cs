using MergeEngine.Merging.TensorMethods.TaskVectors;

namespace MergeEngine.Merging.TensorMethods.Published;

/// <summary>
/// DARE (Yu et al., arXiv 2311.03099) with the election and the disjoint mean of TIES: v_k = (M_k ⊙ d_k) / density_k with masks M_k as in dare_linear; at each position the sign of Σ v_k is elected, +
/// where that is 0, and output = b + λ·Σ w_k·v_k / Σ w_k over the v_k that are not 0 and have it.
/// </summary>
/// <remarks>
/// The authors' code trims what is left once more, as TIES does by itself; the random mask is all that is dropped here.
/// </remarks>
public sealed class PublishedDareTies : PublishedSum
{
    public override string Name => "dare_ties";

    protected override bool Elects => true;

    private protected override Thinning Thin(TensorTask task, int source) => RandomThinning.Of(ProbabilityOf(task, source), RandomThinning.KeyOf(task, source));

    private protected override double ProbabilityOf(TensorTask task, int source) => task.Parameters.Number("density", source);
}
