using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>One model's part in a merge: its difference from the base, what of it counts, and its factors.</summary>
/// <param name="Source">Index of the model among the inputs.</param>
/// <param name="Factor">Factor of the difference.</param>
/// <param name="Thinning">What of it counts.</param>
internal sealed record ModelDifference(int Source, double Factor, Thinning Thinning)
{
    /// <summary>What the model adds to the divisor.</summary>
    public double Weight { get; set; } = Factor;

    /// <summary>Factor in the election, or of a lone difference.</summary>
    public double Vote { get; set; } = Factor;

    /// <summary>What restores the norm that the difference had before it was thinned out.</summary>
    public double Rescale { get; set; } = 1;

    /// <summary>Whether some of the difference counts and some does not.</summary>
    public bool IsThinned => !Thinning.IsWhole && (Thinning.NeedsPass || Thinning.Draws || Thinning.Kept != Selection.None);

    /// <summary>The term with all that is known now.</summary>
    public DifferenceTerm Term(DeviceSpan<byte> mask) =>
        new(Factor * Rescale, Weight, Vote * Rescale, Thinning.Kept, Thinning.Dropped, mask);
}
