using MergeEngine.Merging.Recipes.Catalog;
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

    /// <returns>Null where there are mistakes.</returns>
    public static Recipe? Read(YamlValue document, ReferenceReader references, RecipeFindings findings) => findings.Try(() => ReadDocument(document, references, findings));

    private static Recipe? ReadDocument(YamlValue document, ReferenceReader references, RecipeFindings findings)
    {
        if (document is YamlScalar { IsNull: true }) throw document.Error("the document is empty, expected a recipe.");
        YamlMapping map = document.AsMapping("A recipe");
        findings.Allow(map, "A recipe", s_keys);
        MethodDescription? method = findings.Try(() => ReadMethod(map));
        ModelReference? baseModel = map.Take("base_model") is { } value ? findings.Try(() => references.Read(value, "base_model", findings.Notes)) : null;
        List<RecipeModule> modules = method is null ? [] : findings.Try(() => ReadModules(map, method, baseModel, references, findings)) ?? [];
        IReadOnlyList<ModelReference> models = [.. modules.SelectMany(m => m.Slices).SelectMany(s => s.Sources).Select(s => s.Model).Distinct()];
        if (method is not null && !findings.HasMistakes) findings.Try(() => WholeModels.Check(method, modules.SelectMany(m => m.Slices)));
        TokenizerSettings? tokenizer = findings.Try(() => TokenizerReader.Read(map, references, models, baseModel, findings));
        DType? type = findings.Try(() => ReadDType(map, "dtype")), outType = findings.Try(() => ReadDType(map, "out_dtype"));
        ChatTemplate? chat = map.Take("chat_template") is { } template ? findings.Try(() => ChatTemplate.Read(template)) : null;
        if (method is null || findings.HasMistakes) return null;
        return new Recipe
        {
            Place = map.Place,
            Name = map.Text("name"),
            Method = method,
            BaseModel = baseModel,
            Modules = modules,
            Models = models,
            DType = type,
            OutDType = outType,
            Tokenizer = tokenizer,
            ChatTemplate = chat,
            Notes = [.. findings.Notes.OrderBy(n => n.Place.Line).ThenBy(n => n.Place.Column)],
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

    private static List<RecipeModule> ReadModules(YamlMapping map, MethodDescription method, ModelReference? baseModel, ReferenceReader references, RecipeFindings findings)
    {
        var slices = new SliceReader(method, references, findings);
        var around = new Surroundings(baseModel, map.Take("base_model")?.Place ?? map.Place, [ParameterReader.Read(map.Take("parameters"), method, ScopeLevel.Recipe, findings)]);
        YamlMapping? modules = map.Take("modules")?.AsMapping("'modules'");
        YamlValue? others = map.Take("models") ?? map.Take("slices");
        if (modules is not null && others is not null) throw others.Error("a recipe has one of 'models', 'slices' and 'modules', found two.");
        if (modules is null) return [slices.ReadModule(map, null, around)];
        if (modules.Entries.Count == 0) throw modules.Error("'modules' is empty.");
        return findings.TryAll(modules.Entries, m => slices.ReadNamedModule(m.Key.Text, m.Value, around));
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
