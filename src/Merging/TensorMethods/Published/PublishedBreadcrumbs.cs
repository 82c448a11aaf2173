using MergeEngine.Merging.TensorMethods.TaskVectors;

namespace MergeEngine.Merging.TensorMethods.Published;

/// <summary>
/// Model Breadcrumbs (Davari and Belilovsky, arXiv 2312.06795): output = b + λ·Σ w_k·(m_k ⊙ d_k) with d_k = x_k − b, where m_k drops the ⌊gamma·n⌋ largest |d_k| of each tensor and keeps the
/// max(1, ⌊density·n⌋) next ones; where both cannot be had fewer of the largest are dropped. density is what the paper calls 1 − β − γ.
/// </summary>
/// <remarks>
/// The paper masks layer by layer; the authors' code does so row by row. This is per tensor, as mergekit has it.
/// </remarks>
public sealed class PublishedBreadcrumbs : PublishedSum
{
    public override string Name => "breadcrumbs";

    private protected override Thinning Thin(TensorTask task, int source) => MagnitudeThinning.Window(task, source);
}
