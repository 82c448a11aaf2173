using MergeEngine.Models.Tokenizers.Normalization;
using MergeEngine.Models.Tokenizers.Subwords;
using MergeEngine.Models.Tokenizers.Unicode;

namespace MergeEngine.Models.Tokenizers.Splitting;

/// <summary>
/// GPT-2's words, which the byte-level pre-tokenizer cuts by
/// <c>'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</c>.
/// </summary>
/// <param name="addPrefixSpace">Begin the text, and every part after an added token, with a space where there is none.</param>
/// <param name="useExpression">False: the whole is one word.</param>
internal sealed class ByteLevelSplitter(bool addPrefixSpace, bool useExpression) : WordSplitter
{
    private const CodePointTraits Classes = CodePointTraits.Letter | CodePointTraits.Number | CodePointTraits.Space;

    public override void Split(TextBuffers text, int start, int end, SubwordModel model, TokenizerScratch scratch, TokenList tokens)
    {
        if (start >= end) return;
        int[] points = text.Points;
        if (addPrefixSpace && points[start] != ' ')
        {
            // The place before holds what was dealt with already, or nothing.
            start--;
            points[start] = ' ';
            text.Origins[start] = text.Origins[start + 1];
        }

        while (start < end && tokens.Count < tokens.Enough)
        {
            int next = useExpression ? EndOfWord(points.AsSpan(0, end), start) : end;
            model.Tokenize(text, start, next, scratch, tokens);
            start = next;
        }
    }

    /// <summary>Where the expression's match at <paramref name="start"/> ends. It matches everywhere.</summary>
    private static int EndOfWord(ReadOnlySpan<int> points, int start)
    {
        if (points[start] == '\'' && Contractions.LengthAt(points, start) is > 0 and int length) return start + length;
        int first = points[start] == ' ' && start + 1 < points.Length ? start + 1 : start;
        CodePointTraits kind = CodePoints.TraitsOf(points[first]) & Classes;
        if ((kind & CodePointTraits.Space) == 0) return EndOfRun(points, first + 1, kind);
        int end = EndOfRun(points, start + 1, CodePointTraits.Space);
        // Of several blanks before a word the last is left to it.
        return end < points.Length && end - start > 1 ? end - 1 : end;
    }

    private static int EndOfRun(ReadOnlySpan<int> points, int at, CodePointTraits kind)
    {
        while (at < points.Length && (CodePoints.TraitsOf(points[at]) & Classes) == kind) at++;
        return at;
    }
}
