namespace MergeEngine.Tensors.Operations;

/// <summary>
/// A <see cref="Selection"/> as kernels test it: below element <see cref="Boundary"/> ties count, from there on they do not, and both are a
/// plain "key &gt; limit", since "≥ t" is "&gt; the number before t". A range that crosses no boundary so needs one comparison an element.
/// </summary>
internal readonly struct StrictThreshold
{
    /// <summary>First element of the vector whose key must exceed the threshold.</summary>
    public readonly long Boundary;

    private readonly double _threshold;

    /// <param name="selection">The selection, over global indices.</param>
    /// <param name="firstIndex">Global index of the vector's first element.</param>
    public StrictThreshold(Selection selection, long firstIndex)
    {
        _threshold = selection.Threshold;
        Boundary = selection.LastIndex < firstIndex ? 0
            : selection.LastIndex == long.MaxValue ? long.MaxValue : selection.LastIndex - firstIndex + 1;
    }

    /// <summary>Limit for float64 keys at <paramref name="index"/>; only keys that are not negative pass.</summary>
    public double KeyLimit(long index)
    {
        if (double.IsNaN(_threshold)) return double.PositiveInfinity;
        return Math.Max(index < Boundary ? Math.BitDecrement(_threshold) : _threshold, -double.Epsilon);
    }

    /// <summary>Limit for float32 magnitudes at <paramref name="index"/>, also where the threshold is no float32.</summary>
    public float MagnitudeLimit(long index)
    {
        if (double.IsNaN(_threshold)) return float.PositiveInfinity;
        float below = (float)_threshold;
        if (below > _threshold) below = MathF.BitDecrement(below);
        return index < Boundary && below == _threshold ? MathF.BitDecrement(below) : below;
    }

    /// <summary>End of the range that starts at <paramref name="index"/>, ends before <paramref name="end"/> and has one limit.</summary>
    public long End(long index, long end) => index < Boundary && Boundary < end ? Boundary : end;
}
