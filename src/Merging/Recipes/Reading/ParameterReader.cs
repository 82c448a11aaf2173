using MergeEngine.Merging.Recipes.Catalog;
using MergeEngine.Merging.Recipes.Parameters;
using MergeEngine.Merging.Yaml;

namespace MergeEngine.Merging.Recipes.Reading;

/// <summary>Whose <c>parameters</c> are read.</summary>
internal enum ScopeLevel
{
    Model,
    Slice,
    Module,
    Recipe,
}

/// <summary>
/// Reads <c>parameters</c> by what the method has: names, types and ranges are checked where they stand, so that only what depends on the
/// names of tensors is left for later.
/// </summary>
internal static class ParameterReader
{
    public static ParameterSet Read(YamlValue? value, MethodDescription method, ScopeLevel level, RecipeFindings findings)
    {
        if (value is null || findings.Try(() => value.AsMapping("'parameters'")) is not { } map) return ParameterSet.Empty;
        List<ParameterValue> values = findings.TryAll(map.Entries, e => ReadOne(e.Key, e.Value, method, level, findings.Notes));
        return new ParameterSet(values.ToDictionary(v => v.Parameter.Name, StringComparer.Ordinal));
    }

    /// <summary>Null for an empty list.</summary>
    private static ParameterValue? ReadOne(YamlScalar name, YamlValue content, MethodDescription method, ScopeLevel level, List<RecipeNote> notes)
    {
        MethodParameter parameter = Known(name, method, level);
        List<ParameterCase>? cases = ReadCases(content, parameter);
        if (cases is null)
        {
            notes.Add(new RecipeNote(content.Place, $"'{parameter.Name}' is an empty list, which says nothing."));
            return null;
        }

        if (parameter.WholeModel && (cases is not [{ HoldsForAll: true, Values.Count: 1 }] || level is ScopeLevel.Slice or ScopeLevel.Module))
            throw content.Error($"'{parameter.Name}' of '{method.Name}' holds for the whole model: one value, without layers, filters, slices or modules.");
        if (cases.SkipWhile(c => !c.HoldsForAll).Skip(1).FirstOrDefault() is { } unreached)
            notes.Add(new RecipeNote(unreached.Place, $"this entry of '{parameter.Name}' is never reached: the one for all names stands before it."));
        return new ParameterValue(parameter, cases, content.Place);
    }

    private static MethodParameter Known(YamlScalar name, MethodDescription method, ScopeLevel level)
    {
        MethodParameter? shared = method.Shared.FirstOrDefault(p => p.Name == name.Text), perModel = method.PerModel.FirstOrDefault(p => p.Name == name.Text);
        if (shared is null && perModel is null) throw name.Error($"'{method.Name}'{InDialect(method)} has no parameter {name.Found}; it knows {List(method)}.");
        if (level is ScopeLevel.Model && perModel is null)
            throw name.Error($"'{name.Text}' of '{method.Name}' holds for all models: it belongs in the 'parameters' of the recipe, a slice or a module.");
        if (level is not ScopeLevel.Model && perModel is { OnlyWithModel: true }) throw name.Error($"'{name.Text}' of '{method.Name}' belongs in the 'parameters' of each model.");
        return (shared ?? perModel)!;
    }

    private static string InDialect(MethodDescription method) =>
        MethodTable.All.Count(m => m.Name == method.Name) > 1 ? $" in the dialect {method.Dialect.ToString().ToLowerInvariant()}" : "";

    private static string List(MethodDescription method)
    {
        static string Names(IReadOnlyList<MethodParameter> parameters) => string.Join(", ", parameters.Select(p => p.Name));
        return (method.Shared.Count, method.PerModel.Count) switch
        {
            (0, 0) => "none",
            (_, 0) => Names(method.Shared),
            (0, _) => $"{Names(method.PerModel)} (of each model)",
            _ => $"{Names(method.Shared)}, and {Names(method.PerModel)} (of each model)",
        };
    }

    /// <summary>The cases of a value; null for an empty list.</summary>
    private static List<ParameterCase>? ReadCases(YamlValue value, MethodParameter parameter) => value switch
    {
        YamlSequence { Items.Count: 0 } => null,
        YamlMapping condition => [ReadCondition(condition, parameter)],
        YamlSequence list when list.Items.Any(i => i is YamlMapping) => [.. list.Items.Select(i => ReadCondition(i, parameter))],
        _ => [new ParameterCase(null, ReadValues(value, parameter), value.Place)],
    };

    private static ParameterCase ReadCondition(YamlValue value, MethodParameter parameter)
    {
        if (value is not YamlMapping map) throw value.Error($"a list of filters for '{parameter.Name}' holds entries {{filter, value}} only, found {value.Kind}.");
        map.Allow($"An entry of '{parameter.Name}'", "filter", "value");
        string? filter = map.Text("filter");
        return new ParameterCase(filter, ReadValues(map.Require("value"), parameter), map.Place);
    }

    private static ParameterScalar[] ReadValues(YamlValue value, MethodParameter parameter) => value switch
    {
        YamlSequence { Items.Count: 0 } => throw value.Error($"'{parameter.Name}' is an empty list."),
        YamlSequence list => [.. list.Items.Select(i => ReadScalar(i, parameter))],
        _ => [ReadScalar(value, parameter)],
    };

    /// <summary>One value. As in mergekit, text in quotes may be a number or a flag.</summary>
    private static ParameterScalar ReadScalar(YamlValue value, MethodParameter parameter)
    {
        YamlScalar scalar = value.AsScalar($"A value of '{parameter.Name}'");
        if (scalar.IsNull) throw scalar.Error($"'{parameter.Name}' has no value, expected {parameter.Range}.");
        switch (parameter.Type)
        {
            case ParameterType.Flag:
                return scalar.Text.ToLowerInvariant() switch
                {
                    "true" or "yes" or "on" or "1" => true,
                    "false" or "no" or "off" or "0" => false,
                    _ => throw scalar.Error($"'{parameter.Name}' must be true or false, found {scalar.Found}."),
                };
            case ParameterType.File:
                return scalar.Text.Length > 0 ? ParameterScalar.FromText(scalar.Text) : throw scalar.Error($"'{parameter.Name}' is empty, expected the path of a file.");
            default:
                if (!YamlNumber.TryParse(scalar, out double number)) throw scalar.Error($"'{parameter.Name}' must be {parameter.Range}, found {scalar.Found}.");
                if (!double.IsFinite(number)) throw scalar.Error($"'{parameter.Name}' must be finite, found {scalar.Found}.");
                bool fits = number >= parameter.Least && number <= parameter.Most && (parameter.Type is ParameterType.Number || number == Math.Floor(number));
                return fits ? number : throw scalar.Error($"'{parameter.Name}' must be {parameter.Range}, found {scalar.Shown}.");
        }
    }
}
