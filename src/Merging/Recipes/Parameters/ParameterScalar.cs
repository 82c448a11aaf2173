using System.Globalization;
using MergeEngine.Merging.Recipes.Catalog;

namespace MergeEngine.Merging.Recipes.Parameters;

/// <summary>One value of a parameter, already of the parameter's type: a number (true is 1, false is 0) or a text.</summary>
public readonly record struct ParameterScalar(double Number, string? Text = null)
{
    public static implicit operator ParameterScalar(double number) => new(number);

    public static implicit operator ParameterScalar(bool flag) => new(flag ? 1 : 0);

    public static ParameterScalar FromText(string text) => new(double.NaN, text);

    /// <summary>The value as a recipe would write it.</summary>
    public string ToText(ParameterType type) => type switch
    {
        ParameterType.Flag => Number != 0 ? "true" : "false",
        ParameterType.File => Text ?? "",
        _ => Number.ToString(CultureInfo.InvariantCulture),
    };
}
