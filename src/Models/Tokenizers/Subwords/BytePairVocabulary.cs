namespace MergeEngine.Models.Tokenizers.Subwords;

/// <summary>What a byte-pair model is made of.</summary>
internal sealed record BytePairVocabulary
{
    /// <summary>Token, spelled in the byte alphabet, to id.</summary>
    public required IReadOnlyDictionary<string, int> Tokens { get; init; }

    /// <summary>Ids of the two that merge and of what they become, in the order of their ranks.</summary>
    public required IReadOnlyList<(int Left, int Right, int Result)> Merges { get; init; }

    /// <summary>Stands before every symbol of a word but the first; empty in the models known here.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>Stands after the last symbol of a word: <c>&lt;/w&gt;</c> for CLIP.</summary>
    public string Suffix { get; init; } = "";

    /// <summary>The token of bytes that have none; null leaves them out.</summary>
    public string? Unknown { get; init; }

    /// <summary>Neighbouring unknown bytes are one token.</summary>
    public bool FusesUnknown { get; init; }

    /// <summary>A word that is in the vocabulary as a whole is that token, whatever the merges.</summary>
    public bool IgnoresMerges { get; init; }
}
