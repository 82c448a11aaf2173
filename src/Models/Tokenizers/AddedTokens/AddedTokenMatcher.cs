using MergeEngine.Models.Tokenizers.Subwords;
using MergeEngine.Models.Tokenizers.Unicode;

namespace MergeEngine.Models.Tokenizers.AddedTokens;

/// <summary>Finds added tokens in a text: from the left, the longest at each place, without overlap.</summary>
internal sealed class AddedTokenMatcher
{
    /// <summary>More different first characters than this are looked for one by one.</summary>
    private const int FewFirsts = 5;

    private readonly AddedToken[] _tokens;
    private readonly DoubleArrayTrie _trie;
    private readonly int[] _firsts;

    /// <param name="tokens">What to look for, each as it is spelled in the text that is searched. Of equal spellings the first counts.</param>
    public AddedTokenMatcher(IEnumerable<(string Spelling, AddedToken Token)> tokens)
    {
        var spellings = new Dictionary<string, int>(StringComparer.Ordinal);
        var list = new List<AddedToken>();
        foreach ((string spelling, AddedToken token) in tokens)
        {
            if (spelling.Length > 0 && spellings.TryAdd(spelling, list.Count)) list.Add(token);
        }

        _tokens = [.. list];
        _trie = DoubleArrayBuilder.Build(spellings);
        _firsts = [.. spellings.Keys.Select(spelling => char.ConvertToUtf32(spelling, 0)).Distinct()];
    }

    public bool IsEmpty => _tokens.Length == 0;

    /// <summary>The next token that counts.</summary>
    /// <param name="points">The text.</param>
    /// <param name="search">Where to look from; moves behind what was found.</param>
    /// <param name="done">Blanks before this belong to what came earlier.</param>
    /// <param name="match">What was found, with the blanks that it takes.</param>
    public bool TryFind(ReadOnlySpan<int> points, ref int search, int done, out AddedTokenMatch match)
    {
        while (NextPlace(points, search) is >= 0 and int start)
        {
            int end = LongestAt(points, start, out int index);
            if (end < 0)
            {
                search = start + 1;
                continue;
            }

            search = end;
            AddedToken token = _tokens[index];
            if (token.IsSingleWord && TouchesWord(points, start, end)) continue;
            while (token.StripsLeft && start > done && CodePoints.IsSpace(points[start - 1])) start--;
            while (token.StripsRight && end < points.Length && CodePoints.IsSpace(points[end])) end++;
            match = new AddedTokenMatch(token, start, end);
            return true;
        }

        match = default;
        return false;
    }

    private int NextPlace(ReadOnlySpan<int> points, int from)
    {
        if (_firsts.Length == 0 || from >= points.Length) return -1;
        if (_firsts.Length > FewFirsts) return from;
        int distance = _firsts.Length == 1 ? points[from..].IndexOf(_firsts[0]) : points[from..].IndexOfAny(_firsts);
        return distance < 0 ? -1 : from + distance;
    }

    private int LongestAt(ReadOnlySpan<int> points, int start, out int index)
    {
        int end = -1, node = DoubleArrayTrie.Root;
        index = -1;
        for (int i = start; i < points.Length; i++)
        {
            node = _trie.StepPoint(node, points[i]);
            if (node < 0) break;
            if (_trie.ValueAt(node) is not (>= 0 and int value)) continue;
            index = value;
            end = i + 1;
        }

        return end;
    }

    private static bool TouchesWord(ReadOnlySpan<int> points, int start, int end) =>
        (start > 0 && CodePoints.IsWord(points[start - 1])) || (end < points.Length && CodePoints.IsWord(points[end]));
}

/// <summary>An added token in a text, from <paramref name="Start"/> to <paramref name="End"/>.</summary>
internal readonly record struct AddedTokenMatch(AddedToken Token, int Start, int End);
