namespace MergeEngine.Tensors.Operations;

/// <summary>
/// The largest elements of a sequence, exactly and without a sorted copy: element i is selected if its key is above
/// <paramref name="Threshold"/>, or equal to it and i ≤ <paramref name="LastIndex"/>. So among equal keys the lowest index comes first.
/// </summary>
/// <param name="Threshold">Smallest selected key; +∞ when nothing is selected.</param>
/// <param name="LastIndex">Index of the last selected element whose key equals the threshold, <see cref="long.MaxValue"/> where all of those are selected; −1 when nothing is.</param>
public readonly record struct Selection(double Threshold, long LastIndex)
{
    /// <summary>No element, not even one whose key is +∞.</summary>
    public static Selection None => new(double.PositiveInfinity, -1);

    /// <summary>Every element whose key is neither negative nor NaN.</summary>
    public static Selection All => new(0, long.MaxValue);

    /// <summary>Whether the element at <paramref name="index"/> with this key is selected; never where the key is NaN.</summary>
    public bool Contains(double key, long index) => key > Threshold || (key == Threshold && index <= LastIndex);
}
