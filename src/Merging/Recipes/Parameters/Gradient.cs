namespace MergeEngine.Merging.Recipes.Parameters;

/// <summary>Lists of values that run over the layers, as mergekit reads them: n values at even distances from the first layer to the last.</summary>
internal static class Gradient
{
    /// <summary>Linear between its neighbours at s = t (n - 1); exactly a value where it stands, and never outside of its neighbours.</summary>
    public static double Interpolate(IReadOnlyList<ParameterScalar> values, double t)
    {
        double s = Position(values, t);
        int i = (int)s;
        double left = values[i].Number, right = values[Math.Min(i + 1, values.Count - 1)].Number, share = s - i;
        double value = (1 - share) * left + share * right;
        return Math.Clamp(value, Math.Min(left, right), Math.Max(left, right));
    }

    /// <summary>The value at floor(t (n - 1)): what cannot be interpolated steps.</summary>
    public static ParameterScalar Step(IReadOnlyList<ParameterScalar> values, double t) => values[(int)Position(values, t)];

    private static double Position(IReadOnlyList<ParameterScalar> values, double t)
    {
        if (!(t >= 0 && t <= 1)) throw new ArgumentOutOfRangeException(nameof(t), t, "The place among the layers must lie in [0, 1].");
        return t * (values.Count - 1);
    }
}

/// <summary>Where a tensor stands among the layers of its slice: what gradients run over.</summary>
public static class LayerPosition
{
    /// <summary>Tensors before and after the layers: embeddings, final norm, head.</summary>
    public const double Outside = 0;

    /// <summary>t = index / (layers - 1); 1 where there is one layer.</summary>
    /// <param name="index">Number of the layer in its slice, from 0; null for a tensor outside of the layers.</param>
    /// <param name="layers">Number of layers of the slice.</param>
    public static double Of(int? index, int layers)
    {
        if (index is not { } i) return Outside;
        ArgumentOutOfRangeException.ThrowIfNegative(i, nameof(index));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(i, layers, nameof(index));
        return layers == 1 ? 1 : (double)i / (layers - 1);
    }
}
