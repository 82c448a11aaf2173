namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>
/// DELLA (Deep et al., arXiv 2406.11617): an element counts with a probability that rises with the rank of |d_k| in its row, from density − epsilon to
/// density + epsilon, then the election of TIES. With <c>rescale</c> the thinned difference gets the L1 norm that it had, where the paper divides each element by its probability.
/// A convolution's row is a whole kernel, and a row of one element counts with probability <c>density</c>.
/// </summary>
public sealed class DellaMethod : GeneralizedTaskArithmetic
{
    public override string Name => "della";

    /// <summary>A vector is one row, which is ranked whole.</summary>
    /// <inheritdoc/>
    public override int Float64Arrays(int models) => (3 * models) + 1;

    protected override bool Elects => true;

    private protected override Thinning Thin(TensorTask task, int source) => RankedThinning.Of(task.Parameters.Number("density", source), task.Parameters.Number("epsilon", source), task, RandomThinning.KeyOf(task, source));
}
