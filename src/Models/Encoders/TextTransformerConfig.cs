using MergeEngine.Models.Datasets;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Models.Encoders;

/// <summary>Whose names, positions, blocks and classification head a text checkpoint has.</summary>
public enum TextFamily
{
    /// <summary>BertModel and BertForSequenceClassification of transformers, and sentence-transformers' models over a BERT.</summary>
    Bert,

    /// <summary>RobertaModel and RobertaForSequenceClassification of transformers, and those that share them (XLM-RoBERTa, CamemBERT).</summary>
    Roberta,

    /// <summary>The text tower of CLIP as transformers has it: CLIPTextModel, CLIPTextModelWithProjection, or inside a whole CLIPModel.</summary>
    Clip,

    /// <summary>The text tower of OpenAI's CLIP and of open_clip: fused queries, keys and values, and a projection that is stored as [width, out].</summary>
    OpenClip,
}

/// <summary>From the tokens of the last block to one row.</summary>
public enum TextPooling
{
    /// <summary>The first token: what RoBERTa's head reads.</summary>
    ClassToken,

    /// <summary>tanh(W·first token + b): BERT's pooler.</summary>
    Pooler,

    /// <summary>The mean of the tokens that the mask shows: most sentence-transformers.</summary>
    Mean,

    /// <summary>The token at which the text ends, after the last LayerNorm: CLIP's text tower.</summary>
    EndOfText,
}

/// <summary>Everything that decides the shapes and the arithmetic of a text encoder.</summary>
public sealed record TextTransformerConfig
{
    public TextFamily Family { get; init; }

    /// <summary>What stands before the names of the checkpoint: <c>bert.</c>, <c>roberta.</c>, <c>text_model.</c>, <c>text.</c>, or nothing.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>True if the LayerNorms' weights are called <c>gamma</c> and <c>beta</c>, as in old checkpoints.</summary>
    public bool OldNormNames { get; init; }

    /// <summary>Rows of the table of words.</summary>
    public required int Vocabulary { get; init; }

    /// <summary>Rows of the table of positions.</summary>
    public required int Positions { get; init; }

    /// <summary>Rows of the table of token types; 0 for CLIP, which has none.</summary>
    public int TokenTypes { get; init; } = 2;

    /// <summary>The padding's id: its rows in the tables of words, and of positions in RoBERTa, have a gradient of zero, as in torch. Null for none.</summary>
    public int? PadId { get; init; } = 0;

    public required int Width { get; init; }

    public required int Layers { get; init; }

    public required int Heads { get; init; }

    public required int MlpWidth { get; init; }

    public Activation Activation { get; init; } = Activation.GeluErf;

    /// <summary>ε of every LayerNorm.</summary>
    public double NormEpsilon { get; init; } = 1e-12;

    public TextPooling Pooling { get; init; }

    /// <summary>True if the checkpoint has a pooler, whether or not the features come from it.</summary>
    public bool HasPooler { get; init; }

    /// <summary>
    /// With <see cref="TextPooling.EndOfText"/>: the id of the token that ends a text, of which the first is read; null for the token with the largest id,
    /// which the first published CLIPs read.
    /// </summary>
    public int? EndId { get; init; }

    /// <summary>Columns of CLIP's projected embeddings; 0 for no projection.</summary>
    public int ProjectionWidth { get; init; }

    /// <summary>True for CLIP's kind of encoder (Radford et al., arXiv 2103.00020): LayerNorms before the branches and at the end, each token sees those before it alone.</summary>
    public bool IsClip => Family is TextFamily.Clip or TextFamily.OpenClip;

    /// <summary>True for a sentence-transformers model: the features are a sentence's embedding.</summary>
    public bool IsSentenceEncoder { get; init; }

    /// <summary>True if a sentence's embedding has length 1: <see cref="TextTransformer.Embeddings"/> divides the features by theirs.</summary>
    public bool NormalizesEmbeddings { get; init; }

    /// <summary>Tokens that texts are cut to, where the model's files say so; ids may be longer.</summary>
    public int? TruncatesTo { get; init; }

    /// <summary>Classes of the checkpoint's own classifier; 0 for none.</summary>
    public int Classes { get; init; }

    /// <summary>Which tokens the model takes.</summary>
    public TokenLimits Limits => new(Vocabulary, Positions, TokenTypes, PadId, Family == TextFamily.Roberta)
    {
        PooledToken = Pooling != TextPooling.EndOfText ? PooledToken.First : EndId is null ? PooledToken.Largest : PooledToken.End,
        EndId = EndId ?? 0,
    };

    /// <summary>Tokens that a text is cut to: <see cref="TruncatesTo"/>, or as many as there are positions for.</summary>
    public int MaxTokens => Math.Min(TruncatesTo ?? int.MaxValue, Limits.MaxTokens);

    /// <summary>What is wrong, as the end of a sentence; null if nothing is.</summary>
    public string? FindFault()
    {
        if (Vocabulary < 1) return $"the vocabulary has {Vocabulary} tokens, expected a positive number";
        if (IsClip ? TokenTypes != 0 : TokenTypes < 1) return $"the number of token types is {TokenTypes}, expected {(IsClip ? "0 for a CLIP" : "a positive number")}";
        if (Width < 1) return $"the width is {Width}, expected a positive number";
        if (Layers < 1) return $"the number of layers is {Layers}, expected a positive number";
        if (MlpWidth < 1) return $"the MLP width is {MlpWidth}, expected a positive number";
        if (Heads < 1) return $"the number of heads is {Heads}, expected a positive number";
        if (Width % Heads != 0) return $"a width of {Width} cannot be divided among {Heads} heads, expected a multiple";
        if (PadId is < 0 || PadId >= Vocabulary) return $"the padding's id is {PadId}, expected one of the {Vocabulary} tokens of the vocabulary";
        if (Family == TextFamily.Roberta && PadId is null) return "the padding has no id, expected one as the positions are counted from it";
        if (Limits.MaxTokens < 1) return $"the number of positions is {Positions}, expected at least {Positions - Limits.MaxTokens + 1}";
        if (!(NormEpsilon > 0 && NormEpsilon < 1)) return $"the LayerNorm epsilon is {NormEpsilon}, expected a number between 0 and 1";
        if (Pooling == TextPooling.Pooler && !HasPooler) return "the features are those of a pooler, but there is none";
        if (Pooling == TextPooling.EndOfText != IsClip) return $"the features are made by {Pooling} pooling, expected {(IsClip ? "" : "anything but ")}{TextPooling.EndOfText} for a {Family} encoder";
        if (!IsClip && (EndId is not null || ProjectionWidth != 0)) return $"a {Family} encoder has an end token or a projection, expected none";
        if (EndId is < 0 || EndId >= Vocabulary) return $"the end token's id is {EndId}, expected one of the {Vocabulary} tokens of the vocabulary";
        if (ProjectionWidth < 0) return $"the projection has {ProjectionWidth} columns, expected 0 for none or a positive number";
        return null;
    }
}
