using System.Globalization;
using MergeEngine.Merging.Recipes.Parameters;

namespace MergeEngine.Merging.Recipes.Catalog;

/// <summary>What a parameter is, which decides how a list of values runs over the layers.</summary>
public enum ParameterType
{
    /// <summary>A finite number; lists are interpolated.</summary>
    Number,

    /// <summary>A whole number; lists are interpolated, and a fraction in between is an error.</summary>
    Integer,

    /// <summary>True or false; lists step.</summary>
    Flag,

    /// <summary>Path of a file, relative to the working directory; lists step.</summary>
    File,
}

/// <summary>One parameter of a method: what recipes are checked against, and what the documentation says about it.</summary>
/// <param name="Name">As recipes write it.</param>
/// <param name="Type">What its values are.</param>
/// <param name="Summary">What it does, without a full stop.</param>
public sealed record MethodParameter(string Name, ParameterType Type, string Summary)
{
    /// <summary>The value where a recipe says nothing; null if <see cref="Required"/>, or if absence means something of its own.</summary>
    public ParameterScalar? Default { get; init; }

    /// <summary>Whether every tensor must get a value from the recipe.</summary>
    public bool Required { get; init; }

    /// <summary>Smallest value allowed.</summary>
    public double Least { get; init; } = double.NegativeInfinity;

    /// <summary>Largest value allowed.</summary>
    public double Most { get; init; } = double.PositiveInfinity;

    /// <summary>One value for the whole model: no gradient, no filters, and not in a slice's or module's <c>parameters</c>.</summary>
    public bool WholeModel { get; init; }

    /// <summary>Stands with a model only, as it makes no sense for several.</summary>
    public bool OnlyWithModel { get; init; }

    /// <summary>Given for all models or for none.</summary>
    public bool AllOrNone { get; init; }

    /// <summary>The values allowed, in words.</summary>
    public string Range => Type switch
    {
        ParameterType.Flag => "true or false",
        ParameterType.File => "a path",
        _ => (Type is ParameterType.Integer ? "a whole number" : "a number") + Bounds,
    };

    /// <summary>The default in words.</summary>
    public string DefaultText => Required ? "required" : Default is { } value ? value.ToText(Type) : "none";

    private string Bounds => (double.IsFinite(Least), double.IsFinite(Most) && Most < int.MaxValue) switch
    {
        (true, true) => string.Create(CultureInfo.InvariantCulture, $" in [{Least}, {Most}]"),
        (true, false) => string.Create(CultureInfo.InvariantCulture, $" of at least {Least}"),
        (false, true) => string.Create(CultureInfo.InvariantCulture, $" of at most {Most}"),
        _ => "",
    };
}
