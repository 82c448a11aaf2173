using MergeEngine.Merging.Recipes.Catalog;
using MergeEngine.Merging.Yaml;

namespace MergeEngine.Merging.Recipes.Parameters;

/// <summary>What one <c>parameters</c> of a recipe says, by the names of the parameters. Empty lists are left out, as if absent.</summary>
public sealed class ParameterSet(IReadOnlyDictionary<string, ParameterValue> values)
{
    public static ParameterSet Empty { get; } = new(new Dictionary<string, ParameterValue>());

    public int Count => values.Count;

    public ParameterValue? this[string name] => values.GetValueOrDefault(name);
}

/// <summary>
/// The scopes that one tensor's parameters are looked up in, the narrowest first: model, slice, module, recipe, then the method's default.
/// A scope without the parameter, or without a case for the tensor's name, passes the question on.
/// </summary>
public sealed class ParameterScopes
{
    private readonly MethodDescription _method;
    private readonly IReadOnlyList<ParameterSet> _scopes;
    private readonly YamlPlace _place;
    private readonly string _owner;

    /// <param name="method">The method whose parameters they are.</param>
    /// <param name="scopes">The narrowest first.</param>
    /// <param name="place">Where the model or slice stands, for errors.</param>
    /// <param name="owner">What it is called in errors.</param>
    internal ParameterScopes(MethodDescription method, IReadOnlyList<ParameterSet> scopes, YamlPlace place, string owner)
    {
        _method = method;
        _scopes = [.. scopes.Where(s => s.Count > 0)];
        _place = place;
        _owner = owner;
    }

    /// <summary>The value of a number.</summary>
    /// <inheritdoc cref="Find(MethodParameter, string, double)"/>
    public double Number(string parameter, string tensor, double t) => Require(parameter, tensor, t, ParameterType.Number).Number;

    /// <summary>The value of a whole number.</summary>
    /// <inheritdoc cref="Find(MethodParameter, string, double)"/>
    public int Integer(string parameter, string tensor, double t) => (int)Require(parameter, tensor, t, ParameterType.Integer).Number;

    /// <summary>The value of a flag.</summary>
    /// <inheritdoc cref="Find(MethodParameter, string, double)"/>
    public bool Flag(string parameter, string tensor, double t) => Require(parameter, tensor, t, ParameterType.Flag).Number != 0;

    /// <summary>The path of a file, null if the recipe names none.</summary>
    /// <inheritdoc cref="Find(MethodParameter, string, double)"/>
    public string? File(string parameter, string tensor, double t) => Find(Described(parameter, ParameterType.File), tensor, t)?.Text;

    /// <summary>The value for a tensor; null if neither the recipe nor the method has one.</summary>
    /// <param name="parameter">The parameter.</param>
    /// <param name="tensor">Name of the tensor: the input's for parameters of one model, the output's for shared ones.</param>
    /// <param name="t">Its place among the layers of the slice, in [0, 1]; see <see cref="LayerPosition"/>.</param>
    /// <exception cref="YamlException">The parameter is required and nothing gives it for this tensor, or a whole number comes out as a fraction.</exception>
    public ParameterScalar? Find(MethodParameter parameter, string tensor, double t)
    {
        foreach (ParameterSet scope in _scopes)
        {
            if (scope[parameter.Name]?.At(tensor, t) is { } value) return value;
        }

        if (parameter.Required) throw Missing(parameter, $" at '{new YamlScalar(_place, tensor, false).Shown}'");
        return parameter.Default;
    }

    /// <summary>Every file that the recipe names for this model, each once.</summary>
    internal IEnumerable<string> Files() => _method.PerModel.Where(p => p.Type is ParameterType.File)
        .SelectMany(p => _scopes.Select(s => s[p.Name])).OfType<ParameterValue>()
        .SelectMany(v => v.Cases).SelectMany(c => c.Values).Select(v => v.Text).OfType<string>().Distinct();

    /// <summary>Every entry that holds for some names only, with the parameter that it is of.</summary>
    /// <param name="perModel">Whether of the parameters of one model, rather than of those that all share.</param>
    internal IEnumerable<(MethodParameter Parameter, ParameterCase Case)> Filters(bool perModel) => Cases(perModel).Where(c => !c.Case.HoldsForAll);

    /// <summary>Every entry whose values run over the layers and are not all the same, with the parameter that it is of.</summary>
    /// <inheritdoc cref="Filters"/>
    internal IEnumerable<(MethodParameter Parameter, ParameterCase Case)> Gradients(bool perModel) => Cases(perModel).Where(c => c.Case.Values.Any(v => v != c.Case.Values[0]));

    /// <summary>Whether any scope speaks of the parameter.</summary>
    internal bool Mentions(MethodParameter parameter) => _scopes.Any(s => s[parameter.Name] is not null);

    private IEnumerable<(MethodParameter Parameter, ParameterCase Case)> Cases(bool perModel) => (perModel ? _method.PerModel : _method.Shared)
        .SelectMany(p => _scopes.Select(s => s[p.Name])).OfType<ParameterValue>()
        .SelectMany(v => v.Cases.Select(c => (v.Parameter, c)));

    internal YamlException Missing(MethodParameter parameter, string where = "") =>
        new(_place, $"'{_method.Name}' needs '{parameter.Name}' for {_owner}, and nothing gives it{where}.");

    private ParameterScalar Require(string name, string tensor, double t, ParameterType type) =>
        Find(Described(name, type), tensor, t) ?? throw new InvalidOperationException($"'{name}' of '{_method.Name}' may be absent: ask with Find.");

    private MethodParameter Described(string name, ParameterType type) =>
        _method.Find(name) is { } parameter && parameter.Type == type ? parameter : throw new ArgumentException($"'{_method.Name}' has no {type} '{name}'.", nameof(name));
}
