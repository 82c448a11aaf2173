using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Tests.Support;

namespace MergeEngine.Merging.Tests.Recipes;

/// <summary>Vocabulary, token rows, padding, chat template.</summary>
public sealed class TokenizerSettingsTests
{
    private const string Start = "merge_method: linear\nmodels: [{ model: models/a }, { model: models/b }]\nparameters: { weight: 1 }\n";

    private static TokenizerSettings Read(string text, string start = Start) => RecipeText.Read(start + text).Tokenizer!;

    [Fact]
    public void Rows_come_from_where_the_recipe_says()
    {
        TokenizerSettings settings = Read("""
            tokenizer:
              tokens:
                <a>: { source: models/b, force: true }
                <b>: { source: { kind: model_token, model: models/a, token: "<s>" } }
                <c>: { source: { kind: model_token, model: models/a, token_id: 5 } }
                <d>: { source: { kind: zero } }
                <e>: {}
              pad_to_multiple_of: 64
            """);
        Assert.Equal((VocabularySource.Union, 64), (settings.Source, settings.PadToMultipleOf));
        Assert.Equal(["<a>", "<b>", "<c>", "<d>", "<e>"], settings.Tokens.Select(t => t.Token));
        Assert.Equal([TokenRowKind.SameToken, TokenRowKind.OtherToken, TokenRowKind.TokenId, TokenRowKind.Zero, TokenRowKind.Usual], settings.Tokens.Select(t => t.Kind));
        Assert.Equal([true, false, false, false, false], settings.Tokens.Select(t => t.Force));
        Assert.Equal(("models/b", "<s>", 5), (settings.Tokens[0].Model!.Path, settings.Tokens[1].Other, settings.Tokens[2].Id));
    }

    [Theory]
    [InlineData("tokenizer_source: union", VocabularySource.Union, null)]
    [InlineData("tokenizer: { source: base }", VocabularySource.Base, null)]
    [InlineData("tokenizer_source: models/b", VocabularySource.Model, "models/b")]
    [InlineData("tokenizer: { source: models/elsewhere }", VocabularySource.Model, "models/elsewhere")]
    public void The_vocabulary_is_a_union_the_bases_or_a_models(string text, VocabularySource source, string? model)
    {
        TokenizerSettings settings = Read(text);
        Assert.Equal((source, model), (settings.Source, settings.Model?.Path));
    }

    [Fact]
    public void The_bases_tokenizer_without_a_base_is_the_first_models_and_noted() =>
        Assert.Equal("there is no 'base_model': the tokenizer is that of 'models/a', the first model.", Assert.Single(RecipeText.Read(Start + "tokenizer_source: base\n").Notes).Text);

    [Theory]
    [InlineData("tokenizer: { sorce: base }", "'tokenizer' has no option 'sorce'; it knows pad_to_multiple_of, source, tokens.")]
    [InlineData("tokenizer: union", "'tokenizer' must be a mapping, found 'union'.")]
    [InlineData("tokenizer: { pad_to_multiple_of: 0 }", "'pad_to_multiple_of' must lie in [1, 1048576], found 0.")]
    [InlineData("tokenizer: { tokens: { x: { force: true } } }", "the token 'x' has 'force' without a 'source' that could be forced.")]
    [InlineData("tokenizer: { tokens: { x: { source: { kind: one } } } }", "'kind' must be one of model_token, zero, found 'one'.")]
    [InlineData("tokenizer: { tokens: { x: { source: { kind: zero, model: models/a } } } }", "The source of the token 'x' has no option 'model'; it knows kind.")]
    [InlineData("tokenizer: { tokens: { x: { source: { kind: model_token, token: y } } } }", "'model' is missing.")]
    [InlineData("tokenizer: { tokens: { x: { source: models/elsewhere } } }", "the token 'x' takes its row from 'models/elsewhere', which is not one of the models merged.")]
    [InlineData("tokenizer: { tokens: { x: models/a } }", "The token 'x' must be a mapping, found 'models/a'.")]
    [InlineData("tokenizer: { tokens: { x: { source: { kind: model_token, model: models/a, token_id: -1 } } } }", "'token_id' must lie in [0, 2147483647], found -1.")]
    public void What_does_not_fit_gets_its_sentence(string text, string message) =>
        Assert.EndsWith($": {message}", RecipeText.ErrorOf(Start + text), StringComparison.Ordinal);

    [Theory]
    [InlineData("auto", ChatTemplateKind.Auto)]
    [InlineData("llama3", ChatTemplateKind.Named)]
    [InlineData("'{% for m in messages %}{{ m.content }}{% endfor %}'", ChatTemplateKind.Text)]
    public void A_chat_template_is_a_name_or_a_text(string text, ChatTemplateKind kind) => Assert.Equal(kind, RecipeText.Read($"{Start}chat_template: {text}\n").ChatTemplate!.Kind);
}
