using System.Text;
using MergeEngine.Models.Tokenizers.AddedTokens;
using MergeEngine.Models.Tokenizers.Normalization;
using MergeEngine.Models.Tokenizers.Splitting;
using MergeEngine.Models.Tokenizers.Subwords;
using MergeEngine.Models.Tokenizers.Templates;

namespace MergeEngine.Models.Tokenizers;

/// <summary>
/// A tokenizer in the reference's steps: find added tokens, normalise what lies between them, find added tokens that are looked for in
/// normalised text, cut words, make tokens of them, cut off what is too long, and put special tokens around it.
/// </summary>
internal sealed class PipelineTokenizer : ITokenizer
{
    private readonly Normalizer[] _normalizers;
    private readonly WordSplitter _splitter;
    private readonly SubwordModel _model;
    private readonly PostProcessing _post;
    private readonly AddedTokenMatcher _before;
    private readonly AddedTokenMatcher _after;
    private readonly Dictionary<string, int> _added;
    private readonly int _padTypeId;

    public PipelineTokenizer(TokenizerParts parts)
    {
        _normalizers = [.. parts.Normalizers];
        _splitter = parts.Splitter;
        _model = parts.Model;
        _post = parts.PostProcessing;
        _padTypeId = parts.PadTypeId;
        PadId = parts.PadId;
        _added = [];
        foreach (AddedToken token in parts.AddedTokens) _added[token.Content] = token.Id;
        // Special tokens come first, as the reference keeps them.
        AddedToken[] ordered = [.. parts.AddedTokens.OrderBy(token => !token.IsSpecial)];
        _before = new AddedTokenMatcher(ordered.Where(token => !token.IsNormalized).Select(token => (token.Content, token)));
        _after = new AddedTokenMatcher(ordered.Where(token => token.IsNormalized).Select(token => (Normalized(token.Content), token)));
        VocabularySize = _model.Vocabulary.Values.Concat(_added.Values).Append(PadId)
            .Concat(_post.Single.Pieces.Concat(_post.Pair.Pieces).Select(piece => piece.Id)).Max() + 1;
    }

    public int VocabularySize { get; }

    public int PadId { get; }

    public int? IdOf(string token) => _added.TryGetValue(token, out int id) || _model.Vocabulary.TryGetValue(token, out id) ? id : null;

    public int SpecialTokenCount(bool pair) => TemplateOf(pair).SpecialCount;

    public void Encode(ReadOnlySpan<char> text, TokenizerOptions options, TokenSequence output)
    {
        int limit = LimitOf(options, pair: false);
        TokenizerScratch scratch = output.Scratch;
        EncodeText(text, scratch, scratch.First, limit);
        scratch.First.Truncate(limit);
        scratch.Second.Clear(0);
        Finish(options, pair: false, output);
    }

    public void Encode(ReadOnlySpan<char> first, ReadOnlySpan<char> second, TokenizerOptions options, TokenSequence output)
    {
        int limit = LimitOf(options, pair: true);
        TokenizerScratch scratch = output.Scratch;
        // What is left of each depends on the whole length of both.
        EncodeText(first, scratch, scratch.First, int.MaxValue);
        EncodeText(second, scratch, scratch.Second, int.MaxValue);
        (int lengthOfFirst, int lengthOfSecond) = LongestFirst.Lengths(scratch.First.Count, scratch.Second.Count, limit);
        scratch.First.Truncate(lengthOfFirst);
        scratch.Second.Truncate(lengthOfSecond);
        Finish(options, pair: true, output);
    }

    private SequenceTemplate TemplateOf(bool pair) => pair ? _post.Pair : _post.Single;

    private int LimitOf(TokenizerOptions options, bool pair)
    {
        if (options.MaxLength is not { } length) return int.MaxValue;
        int special = options.AddSpecialTokens ? SpecialTokenCount(pair) : 0;
        return length >= special ? length - special
            : throw new ArgumentException($"the longest sequence is {length} tokens, expected at least {special}, as many as are put around {(pair ? "a pair" : "a text")}.", nameof(options));
    }

    private void Finish(TokenizerOptions options, bool pair, TokenSequence output)
    {
        output.Clear();
        TemplateOf(pair).Write(output.Scratch.First, output.Scratch.Second, options.AddSpecialTokens, output);
        if (options.PadToLength is { } length) output.PadTo(length, PadId, _padTypeId);
    }

    private void EncodeText(ReadOnlySpan<char> text, TokenizerScratch scratch, TokenList tokens, int limit)
    {
        tokens.Clear(limit);
        scratch.Decode(text);
        ReadOnlySpan<int> points = scratch.Text;
        int done = 0, search = 0;
        while (tokens.Count < tokens.Enough && _before.TryFind(points, ref search, done, out AddedTokenMatch match))
        {
            EncodePart(scratch, done, match.Start, tokens);
            Add(match.Token, points[match.Start..match.End], match.Start, match.End, tokens);
            done = match.End;
        }

        EncodePart(scratch, done, points.Length, tokens);
    }

    /// <summary>A part of the text without added tokens of the first kind.</summary>
    private void EncodePart(TokenizerScratch scratch, int from, int to, TokenList tokens)
    {
        if (from >= to || tokens.Count >= tokens.Enough) return;
        TextBuffers text = scratch.Part;
        text.Load(scratch.Text, from, to);
        foreach (Normalizer normalizer in _normalizers) normalizer.Apply(text, scratch.Marks);
        ReadOnlySpan<int> points = text.Points.AsSpan(0, text.End);
        int done = TextBuffers.Start, search = done;
        // The place before the text is not part of it: no added token may take it for a neighbour.
        while (tokens.Count < tokens.Enough && FindAfter(points, ref search, done, out AddedTokenMatch match))
        {
            Split(scratch, done, match.Start, tokens);
            Add(match.Token, points[match.Start..match.End], text.Origins[match.Start], text.Origins[match.End - 1] + 1, tokens);
            done = match.End;
        }

        Split(scratch, done, text.End, tokens);
    }

    private bool FindAfter(ReadOnlySpan<int> points, ref int search, int done, out AddedTokenMatch match)
    {
        const int Start = TextBuffers.Start;
        int place = search - Start;
        bool found = _after.TryFind(points[Start..], ref place, done - Start, out match);
        search = place + Start;
        match = match with { Start = match.Start + Start, End = match.End + Start };
        return found;
    }

    private void Split(TokenizerScratch scratch, int from, int to, TokenList tokens)
    {
        if (from < to && tokens.Count < tokens.Enough) _splitter.Split(scratch.Part, from, to, _model, scratch, tokens);
    }

    private void Add(AddedToken token, ReadOnlySpan<int> spelling, int start, int end, TokenList tokens)
    {
        OffsetTrimming trimming = _post.Trimming;
        TokenOffset offset = trimming.IsOn ? trimming.Apply(tokens.Count, start, end, SpaceCount.Of(spelling, isStart: true)) : new TokenOffset(start, end);
        tokens.Add(token.Id, offset.Start, offset.End);
    }

    /// <summary>An added token as it looks in a normalised text.</summary>
    private string Normalized(string content)
    {
        var scratch = new TokenizerScratch();
        scratch.Decode(content);
        scratch.Part.Load(scratch.Text, 0, scratch.TextLength);
        foreach (Normalizer normalizer in _normalizers) normalizer.Apply(scratch.Part, scratch.Marks);
        var text = new StringBuilder();
        for (int i = TextBuffers.Start; i < scratch.Part.End; i++) text.Append(char.ConvertFromUtf32(scratch.Part.Points[i]));
        return text.ToString();
    }
}
