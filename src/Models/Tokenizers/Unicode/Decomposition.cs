namespace MergeEngine.Models.Tokenizers.Unicode;

/// <summary>Full canonical decompositions.</summary>
internal static class Decomposition
{
    /// <summary>Most parts of one code point.</summary>
    public const int MaxParts = 4;

    /// <summary>Nothing below decomposes or combines.</summary>
    public const int First = 0xC0;

    private static readonly CodePointTable s_places = Build();

    /// <summary>The parts of a code point in canonical order.</summary>
    /// <param name="point">The code point.</param>
    /// <param name="parts">[≥ <see cref="MaxParts"/>].</param>
    /// <returns>How many parts; 0 if it does not decompose.</returns>
    public static int Of(int point, Span<int> parts)
    {
        if (Hangul.IsSyllable(point)) return Hangul.Decompose(point, parts);
        int place = s_places[point];
        if (place == 0) return 0;
        ReadOnlySpan<int> entries = DecompositionTable.Entries;
        int count = entries[place - 1] & 7;
        entries.Slice(place, count).CopyTo(parts);
        return count;
    }

    private static CodePointTable Build()
    {
        ReadOnlySpan<int> entries = DecompositionTable.Entries;
        var table = new CodePointTable.Builder();
        for (int i = 0; i < entries.Length; i += (entries[i] & 7) + 1) table[entries[i] >>> 3] = checked((ushort)(i + 1));
        return table.Build();
    }
}
