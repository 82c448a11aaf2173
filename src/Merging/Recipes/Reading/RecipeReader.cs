using MergeEngine.Merging.Recipes.Catalog;
using MergeEngine.Merging.Recipes.Parameters;
using MergeEngine.Merging.Yaml;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Merging.Recipes.Reading;

/// <summary>Turns one document into a <see cref="Recipe"/>, or into the sentence that says why not.</summary>
internal static class RecipeReader
{
    private static readonly string[] s_keys =
    [
        "name", "merge_method", "dialect", "models", "slices", "modules", "base_model", "parameters", "dtype", "out_dtype", "tokenizer_source", "tokenizer", "chat_template",
    ];

    public static Recipe Read(YamlValue document, ReferenceReader references)
    {
        if (document is YamlScalar { IsNull: true }) throw document.Error("the document is empty, expected a recipe.");
        YamlMapping map = document.AsMapping("A recipe");
        map.Allow("A recipe", s_keys);
        var notes = new List<RecipeNote>();
        MethodDescription method = ReadMethod(map);
        ModelReference? baseModel = map.Take("base_model") is { } value ? references.Read(value, "base_model", notes) : null;
        ParameterSet parameters = ParameterReader.Read(map.Take("parameters"), method, ScopeLevel.Recipe, notes);
        var slices = new SliceReader(method, references, notes);
        List<RecipeModule> modules = ReadModules(map, slices, new Surroundings(baseModel, map.Take("base_model")?.Place ?? map.Place, [parameters]));
        WholeModels.Check(method, modules.SelectMany(m => m.Slices));
        IReadOnlyList<ModelReference> models = [.. modules.SelectMany(m => m.Slices).SelectMany(s => s.Sources).Select(s => s.Model).Distinct()];
        return new Recipe
        {
            Place = map.Place,
            Name = map.Text("name"),
            Method = method,
            BaseModel = baseModel,
            Modules = modules,
            Models = models,
            DType = ReadDType(map, "dtype"),
            OutDType = ReadDType(map, "out_dtype"),
            Tokenizer = TokenizerReader.Read(map, references, models, baseModel, notes),
            ChatTemplate = map.Take("chat_template") is { } template ? ChatTemplate.Read(template) : null,
            Notes = [.. notes.OrderBy(n => n.Place.Line).ThenBy(n => n.Place.Column)],
        };
    }

    private static MethodDescription ReadMethod(YamlMapping map)
    {
        YamlScalar name = map.Require("merge_method").AsScalar("'merge_method'");
        if (MethodTable.Find(name.Text) is not { } method) throw name.Error($"there is no method {name.Found}; known methods are {string.Join(", ", MethodTable.Names)}.");
        if (map.Take("dialect") is not { } dialect) return method;
        Dialect asked = map.Choice("dialect", "", "mergekit", "paper") == "paper" ? Dialect.Paper : Dialect.Mergekit;
        return MethodTable.Find(name.Text, asked)
            ?? throw dialect.Error($"'{name.Text}' exists in the dialect {method.Dialect.ToString().ToLowerInvariant()} only.");
    }

    private static List<RecipeModule> ReadModules(YamlMapping map, SliceReader slices, Surroundings around)
    {
        YamlMapping? modules = map.Take("modules")?.AsMapping("'modules'");
        YamlValue? others = map.Take("models") ?? map.Take("slices");
        if (modules is not null && others is not null) throw others.Error("a recipe has one of 'models', 'slices' and 'modules', found two.");
        if (modules is null) return [slices.ReadModule(map, null, around)];
        if (modules.Entries.Count == 0) throw modules.Error("'modules' is empty.");
        return [.. modules.Entries.Select(m => slices.ReadNamedModule(m.Key.Text, m.Value, around))];
    }

    private static DType? ReadDType(YamlMapping map, string key) => map.Choice(key, "", "bfloat16", "float16", "float32", "float64") switch
    {
        "bfloat16" => DType.BF16,
        "float16" => DType.F16,
        "float32" => DType.F32,
        "float64" => DType.F64,
        _ => null,
    };
}
