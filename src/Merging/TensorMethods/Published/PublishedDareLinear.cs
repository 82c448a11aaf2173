using MergeEngine.Merging.TensorMethods.TaskVectors;

namespace MergeEngine.Merging.TensorMethods.Published;

/// <summary>
/// DARE (Yu et al., arXiv 2311.03099) with task arithmetic: output = b + λ·Σ w_k·(M_k ⊙ d_k) / density_k with d_k = x_k − b; an element of the mask M_k is 1 with probability density_k, which
/// is the paper's 1 − p, so that the expected difference is the whole one. Masks are keyed by seed, tensor, model and element.
/// </summary>
public sealed class PublishedDareLinear : PublishedSum
{
    public override string Name => "dare_linear";

    private protected override Thinning Thin(TensorTask task, int source) => RandomThinning.Of(ProbabilityOf(task, source), RandomThinning.KeyOf(task, source));

    private protected override double ProbabilityOf(TensorTask task, int source) => task.Parameters.Number("density", source);
}
