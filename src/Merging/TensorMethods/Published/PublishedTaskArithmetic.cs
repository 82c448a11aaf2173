using MergeEngine.Merging.TensorMethods.TaskVectors;

namespace MergeEngine.Merging.TensorMethods.Published;

/// <summary>
/// Task arithmetic (Ilharco et al., arXiv 2212.04089): output = b + λ·Σ w_k·d_k with d_k = x_k − b. Where nothing differs from the base, or λ is 0, the output has the bits of the base.
/// </summary>
/// <remarks>The paper has one λ for all tasks and no weights; weights of 1 are that.</remarks>
public sealed class PublishedTaskArithmetic : PublishedSum
{
    public override string Name => "task_arithmetic";

    private protected override Thinning Thin(TensorTask task, int source) => new NoThinning();
}
