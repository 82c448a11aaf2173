using MergeEngine.Models.Tokenizers.Normalization;
using MergeEngine.Models.Tokenizers.Subwords;

namespace MergeEngine.Models.Tokenizers.Splitting;

/// <summary>Cuts a normalised text into words and hands each to the model. Splitters hold no state of a text.</summary>
internal abstract class WordSplitter
{
    /// <param name="text">Where the words are.</param>
    /// <param name="start">The first code point in the arrays of <paramref name="text"/>.</param>
    /// <param name="end">One past the last.</param>
    /// <param name="model">Makes tokens of words.</param>
    /// <param name="scratch">The model's memory.</param>
    /// <param name="tokens">Gets them; once it has enough, the rest may be left out.</param>
    public abstract void Split(TextBuffers text, int start, int end, SubwordModel model, TokenizerScratch scratch, TokenList tokens);
}
