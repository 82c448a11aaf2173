using MergeEngine.Merging.Yaml;

namespace MergeEngine.Merging.Recipes;

/// <summary>Which vocabulary the output has.</summary>
public enum VocabularySource
{
    /// <summary>The tokens of all models, the base's with their own ids.</summary>
    Union,

    /// <summary>The base's (without a base, the first model's).</summary>
    Base,

    /// <summary>That of one named model.</summary>
    Model,
}

/// <summary>Where the embedding row of one token comes from.</summary>
public enum TokenRowKind
{
    /// <summary>As for tokens that the recipe does not name.</summary>
    Usual,

    /// <summary>The same token of a model.</summary>
    SameToken,

    /// <summary>Another token of a model, by its text.</summary>
    OtherToken,

    /// <summary>A row of a model, by its number.</summary>
    TokenId,

    /// <summary>Zeros.</summary>
    Zero,
}

/// <summary>What a recipe says of one token.</summary>
/// <param name="Token">Its text.</param>
/// <param name="Kind">Where its row comes from.</param>
/// <param name="Place">Where it stands.</param>
public sealed record TokenRow(string Token, TokenRowKind Kind, YamlPlace Place)
{
    /// <summary>The model of the row, for all kinds that name one.</summary>
    public ModelReference? Model { get; init; }

    /// <summary>For <see cref="TokenRowKind.OtherToken"/>.</summary>
    public string? Other { get; init; }

    /// <summary>For <see cref="TokenRowKind.TokenId"/>.</summary>
    public int? Id { get; init; }

    /// <summary>Whether models that have the token get this row too.</summary>
    public bool Force { get; init; }
}

/// <summary><c>tokenizer</c>, or <c>tokenizer_source</c>: which vocabulary the output has, and how embedding rows follow it.</summary>
/// <param name="Source">Whose tokens.</param>
/// <param name="Model">The model, for <see cref="VocabularySource.Model"/>; it need not be one of those merged.</param>
/// <param name="Tokens">Tokens with a say of their own, in the order of the recipe.</param>
/// <param name="PadToMultipleOf">The rows are filled up to a multiple of this; null for no filling.</param>
/// <param name="Place">Where it stands.</param>
public sealed record TokenizerSettings(VocabularySource Source, ModelReference? Model, IReadOnlyList<TokenRow> Tokens, int? PadToMultipleOf, YamlPlace Place);

/// <summary>What <c>chat_template</c> asks for.</summary>
public enum ChatTemplateKind
{
    /// <summary>The most frequent one of the models.</summary>
    Auto,

    /// <summary>One of <see cref="ChatTemplate.Names"/>.</summary>
    Named,

    /// <summary>A Jinja text.</summary>
    Text,
}

/// <summary>The chat template of the output.</summary>
/// <param name="Kind">How it is given.</param>
/// <param name="Text">The name or the Jinja text.</param>
/// <param name="Place">Where it stands.</param>
public sealed record ChatTemplate(ChatTemplateKind Kind, string Text, YamlPlace Place)
{
    /// <summary>The templates that have names.</summary>
    public static IReadOnlyList<string> Names { get; } = ["alpaca", "chatml", "exaone", "llama3", "mistral"];

    internal static ChatTemplate Read(YamlValue value)
    {
        YamlScalar scalar = value.AsScalar("'chat_template'");
        if (scalar.Text == "auto") return new ChatTemplate(ChatTemplateKind.Auto, scalar.Text, scalar.Place);
        if (Names.Contains(scalar.Text)) return new ChatTemplate(ChatTemplateKind.Named, scalar.Text, scalar.Place);
        if (scalar.Text.Contains("{{", StringComparison.Ordinal) || scalar.Text.Contains("{%", StringComparison.Ordinal))
            return new ChatTemplate(ChatTemplateKind.Text, scalar.Text, scalar.Place);
        throw scalar.Error($"'chat_template' must be auto, {string.Join(", ", Names)} or a Jinja text, found {scalar.Found}.");
    }
}
