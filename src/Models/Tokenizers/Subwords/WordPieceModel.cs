using MergeEngine.Models.Tokenizers.Normalization;
using MergeEngine.Models.Tokenizers.Templates;

namespace MergeEngine.Models.Tokenizers.Subwords;

/// <summary>
/// WordPiece: the longest token that the word starts with, then the longest that goes on from there, and so on (M. Schuster and K. Nakajima,
/// "Japanese and Korean voice search", 2012; the greedy search is BERT's). A word that cannot be covered is one unknown token.
/// </summary>
internal sealed class WordPieceModel : SubwordModel
{
    private readonly DoubleArrayTrie _trie;
    private readonly int _continuation;
    private readonly int _unknown;
    private readonly int _longest;
    private readonly OffsetTrimming _trimming;
    private readonly SpaceCount _unknownSpaces;

    /// <param name="vocabulary">Token to id.</param>
    /// <param name="prefix">What tokens inside a word begin with: <c>##</c>.</param>
    /// <param name="unknown">The token of words that cannot be covered; it is in the vocabulary.</param>
    /// <param name="longest">Words of more code points are unknown.</param>
    /// <param name="trimming">What happens with blanks at a token's edge.</param>
    public WordPieceModel(IReadOnlyDictionary<string, int> vocabulary, string prefix, string unknown, int longest, OffsetTrimming trimming)
        : base(vocabulary)
    {
        _trie = DoubleArrayBuilder.Build(vocabulary);
        _unknown = vocabulary[unknown];
        _unknownSpaces = SpaceCount.Of(unknown);
        _longest = longest;
        _trimming = trimming;
        _continuation = DoubleArrayTrie.Root;
        foreach (System.Text.Rune rune in prefix.EnumerateRunes())
        {
            if (_continuation >= 0) _continuation = _trie.StepPoint(_continuation, rune.Value);
        }
    }

    public override void Tokenize(TextBuffers text, int start, int end, TokenizerScratch scratch, TokenList tokens)
    {
        int before = tokens.Count;
        if (end - start <= _longest && Cover(text, start, end, tokens)) return;
        tokens.Truncate(before);
        Add(text, _unknown, start, end, _unknownSpaces, tokens);
    }

    private bool Cover(TextBuffers text, int start, int end, TokenList tokens)
    {
        ReadOnlySpan<int> points = text.Points.AsSpan(0, end);
        DoubleArrayTrie trie = _trie;
        int node = DoubleArrayTrie.Root;
        for (int from = start; from < points.Length; node = _continuation)
        {
            int id = DoubleArrayTrie.None, to = from;
            for (int i = from; i < points.Length && node >= 0;)
            {
                node = trie.StepPoint(node, points[i++]);
                if (node < 0 || trie.ValueAt(node) < 0) continue;
                id = trie.ValueAt(node);
                to = i;
            }

            if (id < 0) return false;
            SpaceCount spaces = _trimming.IsOn ? SpaceCount.Of(points[from..to], isStart: from == start) : default;
            Add(text, id, from, to, spaces, tokens);
            from = to;
        }

        return true;
    }

    private void Add(TextBuffers text, int id, int start, int end, SpaceCount spaces, TokenList tokens)
    {
        int[] origins = text.Origins;
        TokenOffset offset = _trimming.Apply(tokens.Count, origins[start], origins[end - 1] + 1, spaces);
        tokens.Add(id, offset.Start, offset.End);
    }
}
