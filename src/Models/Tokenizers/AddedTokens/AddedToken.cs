namespace MergeEngine.Models.Tokenizers.AddedTokens;

/// <summary>A token that is looked for in the text itself, before words are cut.</summary>
/// <param name="Content">How it is written.</param>
/// <param name="Id">What it becomes.</param>
internal sealed record AddedToken(string Content, int Id)
{
    /// <summary>It is one of the model's own marks, not a word that someone added.</summary>
    public bool IsSpecial { get; init; }

    /// <summary>Looked for in the normalised text, in its own normalised form.</summary>
    public bool IsNormalized { get; init; }

    /// <summary>Takes the blanks before it with it.</summary>
    public bool StripsLeft { get; init; }

    /// <summary>Takes the blanks after it with it.</summary>
    public bool StripsRight { get; init; }

    /// <summary>Only where no letter or digit touches it.</summary>
    public bool IsSingleWord { get; init; }
}
