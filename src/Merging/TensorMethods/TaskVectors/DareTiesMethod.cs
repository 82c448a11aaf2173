namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>
/// DARE (Yu et al., arXiv 2311.03099) followed by the election of TIES: each element counts with probability <c>density</c>, and those that agree with the
/// elected sign are added up. As <see cref="DareLinearMethod"/> in mask and scale.
/// </summary>
public sealed class DareTiesMethod : GeneralizedTaskArithmetic
{
    public override string Name => "dare_ties";

    public override int Float64Arrays(int models) => models + 1;

    protected override bool Elects => true;

    private protected override Thinning Thin(TensorTask task, int source) => RandomThinning.Of(task.Parameters.Number("density", source), RandomThinning.KeyOf(task, source));
}
