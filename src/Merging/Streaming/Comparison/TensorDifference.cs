using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Merging.Streaming.Comparison;

/// <summary>How the values of two tensors of one name and shape differ.</summary>
/// <param name="Name">The name in both checkpoints.</param>
/// <param name="First">What the first checkpoint stores.</param>
/// <param name="Second">What the second one stores.</param>
/// <param name="Shape">The shape of both.</param>
/// <param name="Differing">Elements whose values are not equal; +0 equals −0, and NaN equals NaN. Bytes for types without arithmetic.</param>
/// <param name="MaxAbsolute">The largest |a − b|, infinite where only one is; null for types without arithmetic. Pairs with a NaN are left out.</param>
/// <param name="MeanAbsolute">The mean |a − b| over the same pairs; null where there is none.</param>
/// <param name="MaxUlps">
/// The most representable numbers between a and b, both rounded to the type of the two with the shorter significand; null for types without a
/// significand. Pairs with a NaN are left out.
/// </param>
/// <param name="Cosine">⟨a, b⟩ / (‖a‖ ‖b‖) in float64 over pairs of finite values; null where a norm is 0 or there is none.</param>
/// <param name="NaNInFirst">NaN in the first tensor.</param>
/// <param name="NaNInSecond">NaN in the second tensor.</param>
/// <param name="NaNInOne">Places where exactly one of them has a NaN.</param>
public sealed record TensorDifference(
    string Name,
    DType First,
    DType Second,
    Shape Shape,
    long Differing,
    double? MaxAbsolute,
    double? MeanAbsolute,
    long? MaxUlps,
    double? Cosine,
    long NaNInFirst,
    long NaNInSecond,
    long NaNInOne)
{
    /// <summary>True if no value differs by more than a tolerance, and NaN stand in the same places.</summary>
    public bool IsWithin(double tolerance) => Differing == 0 || (NaNInOne == 0 && MaxAbsolute <= tolerance);
}
