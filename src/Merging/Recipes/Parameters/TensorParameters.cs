using MergeEngine.Merging.Recipes.Catalog;

namespace MergeEngine.Merging.Recipes.Parameters;

/// <summary>All parameters of one tensor of the output, resolved: what a method needs to merge it.</summary>
public sealed class TensorParameters
{
    private readonly MethodDescription _method;
    private readonly ParameterScalar?[] _shared;
    private readonly ParameterScalar?[]?[] _perModel;

    internal TensorParameters(MethodDescription method, ParameterScalar?[] shared, ParameterScalar?[]?[] perModel, IReadOnlyList<int> models)
    {
        (_method, _shared, _perModel, Models) = (method, shared, perModel, models);
    }

    /// <summary>Indices into the slice's sources of those that have parameters: all but a base that is no input of its own.</summary>
    public IReadOnlyList<int> Models { get; }

    public double Number(string parameter) => Shared(parameter, ParameterType.Number).Number;

    /// <summary>A number that may be absent.</summary>
    public double? NumberOrNull(string parameter) => SharedOrNull(parameter, ParameterType.Number)?.Number;

    public int Integer(string parameter) => (int)Shared(parameter, ParameterType.Integer).Number;

    /// <summary>A whole number that may be absent.</summary>
    public int? IntegerOrNull(string parameter) => (int?)SharedOrNull(parameter, ParameterType.Integer)?.Number;

    public bool Flag(string parameter) => Shared(parameter, ParameterType.Flag).Number != 0;

    /// <param name="parameter">Name of a parameter of one model.</param>
    /// <param name="source">Index of the model among the slice's sources, one of <see cref="Models"/>.</param>
    public double Number(string parameter, int source) => PerModel(parameter, source, ParameterType.Number)!.Value.Number;

    /// <summary>The path of a model's file, null if the recipe names none.</summary>
    public string? File(string parameter, int source) => PerModel(parameter, source, ParameterType.File)?.Text;

    /// <summary>The values that hold for all models, by the names of the parameters, as a recipe would write them; absent ones are left out.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> SharedTexts => Texts(_method.Shared, _shared);

    /// <summary>The values of one source, as <see cref="SharedTexts"/>; empty for a base that is no input.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> TextsOf(int source) => _perModel[source] is { } values ? Texts(_method.PerModel, values) : [];

    /// <summary>Whether all values are those of another tensor of the same slice.</summary>
    internal bool HasValuesOf(TensorParameters other) => _method == other._method && _shared.SequenceEqual(other._shared) && Models.SequenceEqual(other.Models)
        && Models.All(m => _perModel[m]!.SequenceEqual(other._perModel[m]!));

    private static List<KeyValuePair<string, string>> Texts(IReadOnlyList<MethodParameter> parameters, ParameterScalar?[] values) =>
        [.. parameters.Zip(values).Where(p => p.Second is not null).Select(p => new KeyValuePair<string, string>(p.First.Name, p.Second!.Value.ToText(p.First.Type)))];

    private ParameterScalar Shared(string name, ParameterType type) => SharedOrNull(name, type) ?? throw new InvalidOperationException($"'{name}' of '{_method.Name}' is absent.");

    private ParameterScalar? SharedOrNull(string name, ParameterType type) => _shared[IndexOf(_method.Shared, name, type)];

    private ParameterScalar? PerModel(string name, int source, ParameterType type) =>
        (_perModel[source] ?? throw new ArgumentException($"Source {source} is the base, which has no parameters here.", nameof(source)))[IndexOf(_method.PerModel, name, type)];

    private int IndexOf(IReadOnlyList<MethodParameter> parameters, string name, ParameterType type)
    {
        for (int i = 0; i < parameters.Count; i++)
        {
            if (parameters[i].Name == name && parameters[i].Type == type) return i;
        }

        throw new ArgumentException($"'{_method.Name}' has no {type} '{name}' there.", nameof(name));
    }
}
