namespace MergeEngine.Models.Tokenizers;

/// <summary>What to make of a text besides its tokens.</summary>
public sealed record TokenizerOptions
{
    /// <summary>Special tokens around the text, nothing cut off, nothing filled up.</summary>
    public static TokenizerOptions Default { get; } = new();

    /// <summary>Put the model's special tokens around the text or between the two.</summary>
    public bool AddSpecialTokens { get; init; } = true;

    /// <summary>Most tokens of a sequence, special ones included; of a pair the longer text is cut first. Null for no limit.</summary>
    public int? MaxLength { get; init; }

    /// <summary>Least tokens of a sequence: shorter ones are filled up at the end, with attention 0. Null for none.</summary>
    public int? PadToLength { get; init; }
}
