using MergeEngine.Models.Tokenizers.Normalization;
using MergeEngine.Models.Tokenizers.Subwords;
using MergeEngine.Models.Tokenizers.Unicode;

namespace MergeEngine.Models.Tokenizers.Splitting;

/// <summary>
/// CLIP's words: <c>'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+</c>, in newer files after its two markers spelled out. What matches is
/// handed on to <paramref name="inner"/>, the rest, which is blanks, is dropped.
/// </summary>
internal sealed class ClipSplitter(bool keepsMarkers, WordSplitter inner) : WordSplitter
{
    /// <summary>The expression as older files spell it.</summary>
    public const string Pattern = @"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

    /// <summary>The expression as newer files spell it.</summary>
    public const string PatternWithMarkers = @"<\|startoftext\|>|<\|endoftext\|>|" + Pattern;

    private const CodePointTraits Classes = CodePointTraits.Letter | CodePointTraits.Number | CodePointTraits.Space;

    public override void Split(TextBuffers text, int start, int end, SubwordModel model, TokenizerScratch scratch, TokenList tokens)
    {
        int at = start;
        while (at < end && tokens.Count < tokens.Enough)
        {
            ReadOnlySpan<int> points = text.Points.AsSpan(0, end);
            CodePointTraits kind = CodePoints.TraitsOf(points[at]) & Classes;
            if (kind == CodePointTraits.Space)
            {
                at++;
                continue;
            }

            int next = EndOfWord(points, at, kind);
            inner.Split(text, at, next, model, scratch, tokens);
            at = next;
        }
    }

    private int EndOfWord(ReadOnlySpan<int> points, int at, CodePointTraits kind)
    {
        if (kind == CodePointTraits.Number) return at + 1;
        if (keepsMarkers && points[at] == '<')
        {
            if (StartsWith(points[at..], "<|startoftext|>")) return at + "<|startoftext|>".Length;
            if (StartsWith(points[at..], "<|endoftext|>")) return at + "<|endoftext|>".Length;
        }

        if (points[at] == '\'' && Contractions.LengthAt(points, at) is > 0 and int length) return at + length;
        int end = at + 1;
        while (end < points.Length && (CodePoints.TraitsOf(points[end]) & Classes) == kind) end++;
        return end;
    }

    private static bool StartsWith(ReadOnlySpan<int> points, string marker)
    {
        if (points.Length < marker.Length) return false;
        for (int i = 0; i < marker.Length; i++)
        {
            if (points[i] != marker[i]) return false;
        }

        return true;
    }
}
