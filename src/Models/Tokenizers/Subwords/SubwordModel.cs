using MergeEngine.Models.Tokenizers.Normalization;

namespace MergeEngine.Models.Tokenizers.Subwords;

/// <summary>Makes tokens of one word. A model does not change once it is made.</summary>
internal abstract class SubwordModel(IReadOnlyDictionary<string, int> vocabulary)
{
    /// <summary>Token to id.</summary>
    public IReadOnlyDictionary<string, int> Vocabulary { get; } = vocabulary;

    /// <summary>Adds the tokens of the word from <paramref name="start"/> to <paramref name="end"/>, which is not empty.</summary>
    public abstract void Tokenize(TextBuffers text, int start, int end, TokenizerScratch scratch, TokenList tokens);
}
