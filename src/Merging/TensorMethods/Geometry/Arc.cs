namespace MergeEngine.Merging.TensorMethods.Geometry;

/// <summary>The way from one direction to another (Shoemake, SIGGRAPH 1985): v(t) = (sin((1 − t)θ)·v_0 + sin(tθ)·v_1)/sin θ.</summary>
internal static class Arc
{
    /// <summary>The shares of both ends at <paramref name="t"/>; on the straight line where an end is zero or the directions are collinear.</summary>
    /// <param name="gram">Two vectors.</param>
    /// <param name="t">0 is the first, 1 the second; it may lie outside.</param>
    /// <param name="mostCosine">From this |cos θ| on the directions count as collinear.</param>
    /// <param name="shares">Two.</param>
    public static void At(GramMatrix gram, double t, double mostCosine, Span<double> shares)
    {
        (shares[0], shares[1]) = (1 - t, t);
        // The ends are reached exactly, and a zero vector has no direction.
        if (t is 0 or 1 || !(gram[0, 0] > 0) || !(gram[1, 1] > 0)) return;
        double cosine = gram.Cosine(0, 1);
        if (!(Math.Abs(cosine) <= mostCosine)) return;
        double angle = Math.Acos(cosine), sine = Math.Sin(angle);
        (shares[0], shares[1]) = (Math.Sin((1 - t) * angle) / sine, Math.Sin(t * angle) / sine);
    }
}
