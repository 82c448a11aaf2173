namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>
/// TIES (Yadav et al., arXiv 2306.01708): the max(1, ⌊density·n⌋) largest |d_k| of each tensor, equal ones by lowest index, none at a density of 0, an election, and the mean
/// of those that agree. The paper trims over the whole model, elects on unweighted signs, gives undecided positions the majority sign, and
/// divides by a count.
/// </summary>
public sealed class TiesMethod : GeneralizedTaskArithmetic
{
    public override string Name => "ties";

    protected override bool Elects => true;

    private protected override Thinning Thin(TensorTask task, int source) => MagnitudeThinning.Largest(task, source);
}
