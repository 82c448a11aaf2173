namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>
/// DARE (Yu et al., arXiv 2311.03099) with a plain sum: each element counts with probability <c>density</c>. With <c>rescale</c> the thinned difference gets
/// the L1 norm that it had, where the paper multiplies by 1/density. Masks are keyed by seed, tensor, model and element.
/// </summary>
public sealed class DareLinearMethod : GeneralizedTaskArithmetic
{
    public override string Name => "dare_linear";

    public override int Float64Arrays(int models) => models + 1;

    protected override bool Elects => false;

    private protected override Thinning Thin(TensorTask task, int source) => RandomThinning.Of(task.Parameters.Number("density", source), RandomThinning.KeyOf(task, source));
}
