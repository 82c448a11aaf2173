using MergeEngine.Merging.Recipes.Catalog;
using MergeEngine.Merging.Yaml;

namespace MergeEngine.Merging.Recipes.Parameters;

/// <summary>One line of a parameter: the values that hold for tensors whose name contains a text.</summary>
/// <param name="Filter">A part of the tensor's name; <c>*</c> or null for all names.</param>
/// <param name="Values">One value, or a gradient over the layers.</param>
/// <param name="Place">Where it stands.</param>
public sealed record ParameterCase(string? Filter, IReadOnlyList<ParameterScalar> Values, YamlPlace Place)
{
    public bool HoldsForAll => Filter is null or "*" or "";

    public bool Matches(string tensor) => HoldsForAll || tensor.Contains(Filter!, StringComparison.Ordinal);
}

/// <summary>What one scope of a recipe says about one parameter: cases of which the first that matches a tensor's name counts.</summary>
public sealed record ParameterValue(MethodParameter Parameter, IReadOnlyList<ParameterCase> Cases, YamlPlace Place)
{
    /// <summary>Whether every tensor gets its value here.</summary>
    public bool HoldsForAll => Cases.Any(c => c.HoldsForAll);

    /// <summary>The value for a tensor; null if no case matches, so that the next scope is asked.</summary>
    /// <param name="tensor">The name of the tensor.</param>
    /// <param name="t">Its place among the layers, in [0, 1]; see <see cref="LayerPosition"/>.</param>
    /// <exception cref="YamlException">A whole number is asked for, and the gradient gives a fraction at <paramref name="t"/>.</exception>
    public ParameterScalar? At(string tensor, double t)
    {
        foreach (ParameterCase line in Cases)
        {
            if (line.Matches(tensor)) return ValueAt(line, tensor, t);
        }

        return null;
    }

    private ParameterScalar ValueAt(ParameterCase line, string tensor, double t)
    {
        if (Parameter.Type is ParameterType.Flag or ParameterType.File) return Gradient.Step(line.Values, t);
        double value = Gradient.Interpolate(line.Values, t);
        if (Parameter.Type is ParameterType.Number) return value;
        double whole = Math.Round(value);
        // Interpolation may miss a whole number by its own rounding.
        if (Math.Abs(value - whole) > 1e-9 * Math.Max(1, Math.Abs(value)))
            throw new YamlException(line.Place, $"'{Parameter.Name}' must be a whole number, and the list gives {value:0.####} at '{new YamlScalar(line.Place, tensor, false).Shown}'.");
        return whole;
    }
}
