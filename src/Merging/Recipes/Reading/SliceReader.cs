using MergeEngine.Merging.Recipes.Catalog;
using MergeEngine.Merging.Recipes.Parameters;
using MergeEngine.Merging.Yaml;

namespace MergeEngine.Merging.Recipes.Reading;

/// <summary>What holds around a slice: the base, where it is named, and the parameters of wider scopes, the narrowest first.</summary>
internal sealed record Surroundings(ModelReference? Base, YamlPlace BasePlace, IReadOnlyList<ParameterSet> Scopes)
{
    public Surroundings Within(ParameterSet parameters) => this with { Scopes = [parameters, .. Scopes] };
}

/// <summary>Reads <c>models</c> and <c>slices</c>, of a recipe or of a module.</summary>
internal sealed class SliceReader(MethodDescription method, ReferenceReader references, RecipeFindings findings)
{
    // Far above any network, far below what could fill memory with layers that no file has.
    private const int MostLayers = 100_000;

    private sealed record Entry(ModelReference Model, LayerRange? Layers, ParameterSet Parameters, YamlPlace Place);

    public RecipeModule ReadNamedModule(string name, YamlValue value, Surroundings around)
    {
        string what = $"The module '{new YamlScalar(value.Place, name, false).Shown}'";
        YamlMapping map = value.AsMapping(what);
        findings.Allow(map, what, "models", "slices", "parameters");
        return ReadModule(map, name, around.Within(ParameterReader.Read(map.Take("parameters"), method, ScopeLevel.Module, findings)));
    }

    /// <summary>Reads a mapping's <c>models</c> or <c>slices</c>: exactly one of them.</summary>
    public RecipeModule ReadModule(YamlMapping map, string? name, Surroundings around)
    {
        YamlSequence? models = map.Take("models")?.AsSequence("'models'"), slices = map.Take("slices")?.AsSequence("'slices'");
        string alternatives = name is null ? "'models', 'slices' and 'modules'" : "'models' and 'slices'";
        if (models is not null && slices is not null) throw slices.Error($"{(name is null ? "a recipe" : "a module")} has one of {alternatives}, found two.");
        YamlSequence list = models ?? slices ?? throw map.Error($"nothing to merge: one of {alternatives} is needed.");
        string key = models is null ? "slices" : "models";
        if (list.Items.Count == 0) throw list.Error($"'{key}' is empty.");
        IReadOnlyList<RecipeSlice> read = models is not null
            ? Build(findings.TryAll(models.Items, ReadModel), around, ParameterSet.Empty, models.Place) is { } whole ? [whole] : []
            : findings.TryAll(slices!.Items, s => ReadSlice(s, around));
        return new RecipeModule(name, read, list.Place);
    }

    private Entry ReadModel(YamlValue value)
    {
        YamlMapping map = value.AsMapping("An entry of 'models'");
        findings.Allow(map, "An entry of 'models'", "model", "parameters");
        ParameterSet parameters = ParameterReader.Read(map.Take("parameters"), method, ScopeLevel.Model, findings);
        return new Entry(references.Read(map.Require("model"), "model", findings.Notes), null, parameters, map.Place);
    }

    private RecipeSlice? ReadSlice(YamlValue value, Surroundings around)
    {
        YamlMapping map = value.AsMapping("A slice");
        findings.Allow(map, "A slice", "sources", "base_model", "parameters", "residual_weight");
        if (map.Take("residual_weight") is { } residual)
        {
            map.Number("residual_weight", 0);
            findings.Notes.Add(new RecipeNote(residual.Place, "'residual_weight' has no effect, as in mergekit."));
        }

        if (map.Take("base_model") is { } own) around = around with { Base = references.Read(own, "base_model", findings.Notes), BasePlace = own.Place };
        YamlSequence sources = map.Require("sources").AsSequence("'sources'");
        if (sources.Items.Count == 0) throw sources.Error("'sources' is empty.");
        return Build(findings.TryAll(sources.Items, ReadSource), around, ParameterReader.Read(map.Take("parameters"), method, ScopeLevel.Slice, findings), map.Place);
    }

    private Entry ReadSource(YamlValue value)
    {
        YamlMapping map = value.AsMapping("A source");
        findings.Allow(map, "A source", "model", "layer_range", "parameters");
        ModelReference model = references.Read(map.Require("model"), "model", findings.Notes);
        ParameterSet parameters = ParameterReader.Read(map.Take("parameters"), method, ScopeLevel.Model, findings);
        LayerRange layers = ReadRange(map.Require("layer_range").AsSequence("'layer_range'"));
        return new Entry(model, layers, parameters, map.Place);
    }

    private static LayerRange ReadRange(YamlSequence list)
    {
        if (list.Items.Count != 2) throw list.Error($"'layer_range' is a list of two numbers, the first layer and the one behind the last, found {list.Items.Count}.");
        if (list.Items.Any(i => i is YamlScalar { IsNull: true })) throw list.Error("'layer_range' is a list of two numbers, found one without a value.");
        int[] ends = [.. list.Items.Select(i => (int)YamlMapping.IntegerOf(i, "layer_range", 0, MostLayers))];
        return ends[0] < ends[1]
            ? new LayerRange(ends[0], ends[1])
            : throw list.Error($"'layer_range' [{ends[0]}, {ends[1]}] holds no layer: it runs from the first number to the one before the second.");
    }

    /// <summary>Null where something was misread, which may be what a slice lacks.</summary>
    private RecipeSlice? Build(List<Entry> entries, Surroundings around, ParameterSet own, YamlPlace place)
    {
        if (!findings.IsWhole) return null;
        int baseIndex = around.Base is null ? -1 : entries.FindIndex(e => e.Model == around.Base);
        if (around.Base is { } unlisted && baseIndex < 0) baseIndex = AddBase(entries, unlisted, around.BasePlace, place);
        if (around.Base is null && method.Base is BaseRole.Required) throw new YamlException(place, $"'{method.Name}' needs a 'base_model'.");
        CheckCount(entries, baseIndex, place);

        IReadOnlyList<ParameterSet> scopes = own.Count > 0 ? [own, .. around.Scopes] : around.Scopes;
        var slice = new RecipeSlice
        {
            Place = place,
            Method = method,
            Sources = [.. entries.Select((e, i) => Source(e, i == baseIndex, scopes))],
            Parameters = new ParameterScopes(method, scopes, place, "all models"),
        };
        CheckParameters(slice, entries);
        return slice;
    }

    /// <summary>A base that is not listed is the last of whole models. Layers of it would have to be named: with slices it is not added.</summary>
    private int AddBase(List<Entry> entries, ModelReference model, YamlPlace basePlace, YamlPlace place)
    {
        string shown = new YamlScalar(basePlace, model.ToString(), false).Shown;
        if (entries[0].Layers is not null)
        {
            if (method.Base is not BaseRole.Input) throw new YamlException(place, $"the base '{shown}' is not among the sources of this slice, where '{method.Name}' needs its layers.");
            findings.Notes.Add(new RecipeNote(place, $"the base '{shown}' is not among the sources of this slice and takes no part in it."));
            return -1;
        }

        entries.Add(new Entry(model, null, ParameterSet.Empty, basePlace));
        return entries.Count - 1;
    }

    private void CheckCount(List<Entry> entries, int baseIndex, YamlPlace place)
    {
        bool apart = baseIndex >= 0 && method.Base is not BaseRole.Input;
        int models = entries.Count - (apart ? 1 : 0);
        if (models < method.LeastModels || models > method.MostModels)
        {
            string counted = baseIndex < 0 ? "" : apart ? " besides the base" : ", the base among them";
            throw new YamlException(place, $"'{method.Name}' takes {method.Models}, found {models}{counted}.");
        }

        if (models == 0) findings.Notes.Add(new RecipeNote(place, "only the base is listed here: its tensors are copied."));
        if (entries.FirstOrDefault(e => e.Layers?.Count != entries[0].Layers?.Count) is { } other)
            throw new YamlException(other.Place, $"the sources of a slice have equally many layers, found {entries[0].Layers?.Count} and {other.Layers?.Count}.");
    }

    private RecipeSource Source(Entry entry, bool isBase, IReadOnlyList<ParameterSet> scopes)
    {
        bool isInput = !isBase || method.Base is BaseRole.Input;
        if (!isInput && entry.Parameters.Count > 0) findings.Notes.Add(new RecipeNote(entry.Place, $"parameters of the base have no effect: '{method.Name}' takes differences from it."));
        string owner = $"{(isBase ? "the base " : "")}'{new YamlScalar(entry.Place, entry.Model.ToString(), false).Shown}'";
        return new RecipeSource
        {
            Model = entry.Model,
            Layers = entry.Layers,
            IsBase = isBase,
            IsInput = isInput,
            Parameters = new ParameterScopes(method, [entry.Parameters, .. scopes], entry.Place, owner),
            Place = entry.Place,
        };
    }

    /// <summary>What no name of a tensor can mend: parameters that no scope speaks of, and those given for some models only.</summary>
    private void CheckParameters(RecipeSlice slice, List<Entry> entries)
    {
        foreach (MethodParameter shared in method.Shared.Where(p => p.Required && !slice.Parameters.Mentions(p)))
        {
            if (findings.IsNewlyMissing(shared.Name)) findings.Tell(slice.Parameters.Missing(shared));
        }

        RecipeSource[] inputs = [.. slice.Sources.Where(s => s.IsInput)];
        foreach (MethodParameter parameter in method.PerModel.Where(p => p.Required))
        {
            RecipeSource[] lacking = [.. inputs.Where(s => !s.Parameters.Mentions(parameter))];
            // What no model has was forgotten once.
            if (lacking.Length > 0 && lacking.Length == inputs.Length) lacking = findings.IsNewlyMissing(parameter.Name) ? lacking[..1] : [];
            foreach (RecipeSource source in lacking) findings.Tell(source.Parameters.Missing(parameter));
        }

        foreach (MethodParameter parameter in method.PerModel.Where(p => p.AllOrNone))
        {
            List<Entry> given = [.. entries.Where((_, i) => slice.Sources[i].IsInput)];
            if (given.Find(e => e.Parameters[parameter.Name] is null) is { } without && given.Exists(e => e.Parameters[parameter.Name] is not null))
                throw new YamlException(without.Place, $"'{parameter.Name}' is given for all models or for none, and '{new YamlScalar(without.Place, without.Model.ToString(), false).Shown}' lacks it.");
        }
    }
}
