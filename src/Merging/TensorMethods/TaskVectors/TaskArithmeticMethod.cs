namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>
/// Task arithmetic (Ilharco et al., arXiv 2212.04089): output = b + λ·Σ w_k·(x_k − b). The paper has one λ and no weights; <c>normalize</c> divides by their
/// sum. Where nothing differs from the base, or λ is 0, the output has the bits of the base.
/// </summary>
public sealed class TaskArithmeticMethod : GeneralizedTaskArithmetic
{
    public override string Name => "task_arithmetic";

    public override int Float64Arrays(int models) => models;

    protected override bool Elects => false;

    private protected override Thinning Thin(TensorTask task, int source) => new NoThinning();
}
