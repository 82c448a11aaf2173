using MergeEngine.Models.Tokenizers.Loading;

namespace MergeEngine.Models.Tokenizers;

/// <summary>Reads tokenizers.</summary>
public static class Tokenizer
{
    /// <summary>
    /// Reads the tokenizer of a model: WordPiece as in BERT, byte-level byte pairs as in RoBERTa, or CLIP's byte pairs.
    /// </summary>
    /// <param name="path">
    /// A model directory with <c>tokenizer.json</c>, or with <c>vocab.txt</c>, or with <c>vocab.json</c> and <c>merges.txt</c>; or a
    /// <c>tokenizer.json</c> itself. Truncation and padding that the file switches on are left to <see cref="TokenizerOptions"/>.
    /// </param>
    /// <exception cref="ModelException">There is none, it is broken, or it is of another kind; the message names file and key.</exception>
    public static ITokenizer Load(string path) => new PipelineTokenizer(TokenizerDirectory.Read(path));
}
