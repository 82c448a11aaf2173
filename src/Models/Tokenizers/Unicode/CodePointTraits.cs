namespace MergeEngine.Models.Tokenizers.Unicode;

/// <summary>What the reference's steps do with a code point.</summary>
[Flags]
internal enum CodePointTraits : ushort
{
    None = 0,

    /// <summary>clean_text drops it.</summary>
    CleanRemoved = 1,

    /// <summary>clean_text makes a space of it.</summary>
    CleanSpace = 2,

    /// <summary>An ideograph that gets a space on both sides.</summary>
    Chinese = 4,

    /// <summary>A nonspacing mark that strip_accents drops.</summary>
    Accent = 8,

    /// <summary>A word of its own for BERT.</summary>
    Punctuation = 16,

    /// <summary>Between words for BERT.</summary>
    Whitespace = 32,

    /// <summary>\p{L}</summary>
    Letter = 64,

    /// <summary>\p{N}</summary>
    Number = 128,

    /// <summary>\s</summary>
    Space = 256,

    /// <summary>NFC may change a text that holds it: a mark, the second of a composition, or a code point that is never composed.</summary>
    MayCompose = 512,
}
