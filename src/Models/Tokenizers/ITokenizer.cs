namespace MergeEngine.Models.Tokenizers;

/// <summary>
/// Turns text into token ids. An implementation does not change once it is made: any number of threads may encode at the same time, each into a
/// <see cref="TokenSequence"/> of its own.
/// </summary>
public interface ITokenizer
{
    /// <summary>One more than the largest id that can come out: what an embedding table must have rows for.</summary>
    int VocabularySize { get; }

    /// <summary>What short sequences are filled up with.</summary>
    int PadId { get; }

    /// <summary>The id of a token as it is spelled in the vocabulary, such as <c>[MASK]</c>; null if there is none.</summary>
    int? IdOf(string token);

    /// <summary>How many tokens are put around one text, or around a pair.</summary>
    int SpecialTokenCount(bool pair);

    /// <summary>Encodes one text. What <paramref name="output"/> held before is gone; its memory is used again.</summary>
    /// <exception cref="ArgumentException">The longest length allowed has no room for the special tokens.</exception>
    void Encode(ReadOnlySpan<char> text, TokenizerOptions options, TokenSequence output);

    /// <summary>Encodes two texts as one sequence.</summary>
    /// <exception cref="ArgumentException">The longest length allowed has no room for the special tokens.</exception>
    void Encode(ReadOnlySpan<char> first, ReadOnlySpan<char> second, TokenizerOptions options, TokenSequence output);
}
