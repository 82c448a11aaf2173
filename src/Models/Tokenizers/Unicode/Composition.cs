namespace MergeEngine.Models.Tokenizers.Unicode;

/// <summary>Pairs that NFC joins: decompositions read backwards, without the code points that NFC itself takes apart.</summary>
internal static class Composition
{
    private static readonly Dictionary<(int First, int Second), int> s_pairs = Build();

    /// <summary>What two code points compose to, or -1.</summary>
    public static int Of(int first, int second)
    {
        int syllable = Hangul.Compose(first, second);
        return syllable >= 0 ? syllable : s_pairs.TryGetValue((first, second), out int composed) ? composed : -1;
    }

    public static void MarkSeconds(CodePointTable.Builder traits)
    {
        foreach ((_, int second) in s_pairs.Keys) traits[second] |= (ushort)CodePointTraits.MayCompose;
    }

    private static Dictionary<(int, int), int> Build()
    {
        var whole = new Dictionary<string, int>();
        ReadOnlySpan<int> entries = DecompositionTable.Entries;
        for (int i = 0; i < entries.Length; i += (entries[i] & 7) + 1)
        {
            int point = entries[i] >>> 3;
            if (!IsExcluded(point)) whole[Spell(entries.Slice(i + 1, entries[i] & 7))] = point;
        }

        var pairs = new Dictionary<(int, int), int>();
        for (int i = 0; i < entries.Length; i += (entries[i] & 7) + 1)
        {
            int point = entries[i] >>> 3, count = entries[i] & 7;
            if (IsExcluded(point)) continue;
            ReadOnlySpan<int> parts = entries.Slice(i + 1, count);
            // All but the last part are composed first: there is a code point for them, or there is only one.
            int first = count == 2 ? parts[0] : whole[Spell(parts[..^1])];
            pairs[(first, parts[^1])] = point;
        }

        return pairs;
    }

    private static string Spell(ReadOnlySpan<int> points)
    {
        var text = new System.Text.StringBuilder();
        foreach (int point in points) text.Append(char.ConvertFromUtf32(point));
        return text.ToString();
    }

    private static bool IsExcluded(int point)
    {
        ReadOnlySpan<int> ranges = CodePointRanges.NotComposed;
        for (int i = 0; i < ranges.Length; i += 2)
        {
            if (point >= ranges[i] && point <= ranges[i + 1]) return true;
        }

        return false;
    }
}
