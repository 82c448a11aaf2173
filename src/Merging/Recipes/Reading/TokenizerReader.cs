using MergeEngine.Merging.Yaml;

namespace MergeEngine.Merging.Recipes.Reading;

/// <summary>Reads <c>tokenizer</c> and its older form <c>tokenizer_source</c>.</summary>
/// <param name="references">Reads models.</param>
/// <param name="models">All that are merged, the base apart; null where a mistake may have hidden one.</param>
/// <param name="baseModel">The base, if there is one.</param>
/// <param name="findings">Takes notes and mistakes.</param>
internal sealed class TokenizerReader(ReferenceReader references, IReadOnlyList<ModelReference>? models, ModelReference? baseModel, RecipeFindings findings)
{
    private const int MostPadding = 1 << 20;

    private readonly HashSet<ModelReference>? _merged = models is null ? null : [.. models];

    /// <returns>Null if the recipe has neither.</returns>
    public static TokenizerSettings? Read(YamlMapping recipe, ReferenceReader references, IReadOnlyList<ModelReference> models, ModelReference? baseModel, RecipeFindings findings) =>
        new TokenizerReader(references, findings.HasMistakes ? null : models, baseModel, findings).Read(recipe);

    private TokenizerSettings? Read(YamlMapping recipe)
    {
        YamlValue? source = recipe.Take("tokenizer_source"), settings = recipe.Take("tokenizer");
        if (source is not null && settings is not null) throw settings.Error("a recipe has one of 'tokenizer_source' and 'tokenizer', found both.");
        if ((source ?? settings) is not { } value) return null;

        YamlMapping? map = settings?.AsMapping("'tokenizer'");
        if (map is not null) findings.Allow(map, "'tokenizer'", "source", "tokens", "pad_to_multiple_of");
        YamlValue? named = source ?? map!.Take("source");
        (VocabularySource kind, ModelReference? model) = findings.Try(() => ReadSource(named, source is null ? "source" : "tokenizer_source"));
        if (kind is VocabularySource.Base && baseModel is null && models is not null)
            findings.Notes.Add(new RecipeNote(named!.Place, $"there is no 'base_model': the tokenizer is that of '{new YamlScalar(value.Place, models[0].ToString(), false).Shown}', the first model."));
        IReadOnlyList<TokenRow> tokens = map?.Take("tokens") is { } list && findings.Try(() => list.AsMapping("'tokens'")) is { } rows ? findings.TryAll(rows.Entries, e => ReadToken(e.Key, e.Value)) : [];
        int? padding = map?.Take("pad_to_multiple_of") is { } multiple ? findings.Try(() => (int)YamlMapping.IntegerOf(multiple, "pad_to_multiple_of", 1, MostPadding)) : null;
        return new TokenizerSettings(kind, model, tokens, padding, value.Place);
    }

    private (VocabularySource Kind, ModelReference? Model) ReadSource(YamlValue? value, string what)
    {
        if (value is null) return (VocabularySource.Union, null);
        if (value is YamlScalar { Text: "union" or "base" } word) return (word.Text == "union" ? VocabularySource.Union : VocabularySource.Base, null);
        ModelReference model = references.Read(value, what, findings.Notes);
        // A word that is neither of the two is more often misspelt than a model.
        if (_merged is not null && !model.IsDocument && !_merged.Contains(model) && !references.Exists(model.Path))
            throw value.Error($"'{what}' must be union, base or a model, and there is no model '{new YamlScalar(value.Place, model.ToString(), false).Shown}'.");
        return (VocabularySource.Model, model);
    }

    private TokenRow ReadToken(YamlScalar token, YamlValue value)
    {
        string what = $"The token '{token.Shown}'";
        YamlMapping map = value.AsMapping(what);
        findings.Allow(map, what, "source", "force");
        bool force = map.Flag("force", false);
        YamlValue? source = map.Take("source");
        if (source is null && force) throw map.Error($"the token '{token.Shown}' has 'force' without a 'source' that could be forced.");
        TokenRow row = source switch
        {
            null => new TokenRow(token.Text, TokenRowKind.Usual, token.Place),
            YamlMapping rowMap when rowMap.Entries.Any(e => e.Key.Text == "kind") => ReadRow(token, rowMap),
            _ => new TokenRow(token.Text, TokenRowKind.SameToken, token.Place) { Model = references.Read(source, "source", findings.Notes) },
        };
        if (row.Model is { } model && _merged is not null && model != baseModel && !_merged.Contains(model))
            throw source!.Error($"the token '{token.Shown}' takes its row from '{new YamlScalar(map.Place, model.ToString(), false).Shown}', which is not one of the models merged.");
        return row with { Force = force };
    }

    private TokenRow ReadRow(YamlScalar token, YamlMapping map)
    {
        string what = $"The source of the token '{token.Shown}'";
        if (map.Choice("kind", "", "model_token", "zero") == "zero")
        {
            findings.Allow(map, what, "kind");
            return new TokenRow(token.Text, TokenRowKind.Zero, token.Place);
        }

        findings.Allow(map, what, "kind", "model", "token", "token_id");
        ModelReference model = references.Read(map.Require("model"), "model", findings.Notes);
        string? other = map.Text("token");
        long id = map.Integer("token_id", -1, 0, int.MaxValue);
        if ((other is null) == (id < 0)) throw map.Error($"the source of the token '{token.Shown}' has one of 'token' and 'token_id', found {(other is null ? "none" : "both")}.");
        return other is not null
            ? new TokenRow(token.Text, TokenRowKind.OtherToken, token.Place) { Model = model, Other = other }
            : new TokenRow(token.Text, TokenRowKind.TokenId, token.Place) { Model = model, Id = (int)id };
    }
}
