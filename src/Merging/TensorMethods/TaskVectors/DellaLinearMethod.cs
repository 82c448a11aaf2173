namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>
/// DELLA (Deep et al., arXiv 2406.11617) with a plain sum. What counts is that of <see cref="DellaMethod"/>.
/// </summary>
public sealed class DellaLinearMethod : GeneralizedTaskArithmetic
{
    public override string Name => "della_linear";

    /// <summary>A vector is one row, which is ranked whole.</summary>
    /// <inheritdoc/>
    public override int Float64Arrays(int models) => (3 * models) + 1;

    protected override bool Elects => false;

    private protected override Thinning Thin(TensorTask task, int source) => RankedThinning.Of(task.Parameters.Number("density", source), task.Parameters.Number("epsilon", source), task, RandomThinning.KeyOf(task, source));
}
