using MergeEngine.Models.Tokenizers.Normalization;
using MergeEngine.Models.Tokenizers.Subwords;
using MergeEngine.Models.Tokenizers.Unicode;

namespace MergeEngine.Models.Tokenizers.Splitting;

/// <summary>BERT's words: between blanks, with each punctuation mark a word of its own.</summary>
internal sealed class BertSplitter : WordSplitter
{
    private const CodePointTraits Ends = CodePointTraits.Whitespace | CodePointTraits.Punctuation;

    public override void Split(TextBuffers text, int start, int end, SubwordModel model, TokenizerScratch scratch, TokenList tokens)
    {
        ReadOnlySpan<int> points = text.Points.AsSpan(0, end);
        int word = start;
        for (int i = start; i < points.Length; i++)
        {
            CodePointTraits traits = CodePoints.TraitsOf(points[i]) & Ends;
            if (traits == 0) continue;
            if (word < i) model.Tokenize(text, word, i, scratch, tokens);
            if ((traits & CodePointTraits.Whitespace) == 0) model.Tokenize(text, i, i + 1, scratch, tokens);
            word = i + 1;
            if (tokens.Count >= tokens.Enough) return;
        }

        if (word < end) model.Tokenize(text, word, end, scratch, tokens);
    }
}
