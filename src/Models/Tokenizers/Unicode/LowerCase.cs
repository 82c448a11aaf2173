namespace MergeEngine.Models.Tokenizers.Unicode;

/// <summary>Lower case without context: capital sigma always becomes U+03C3.</summary>
internal static class LowerCase
{
    /// <summary>U+0130, the only code point with two in lower case.</summary>
    public static readonly int Expanding = LowerCaseTable.Expansion[0];

    /// <summary>What <see cref="Expanding"/> becomes.</summary>
    public static readonly (int First, int Second) Expansion = (LowerCaseTable.Expansion[1], LowerCaseTable.Expansion[2]);

    private static readonly int[] s_deltas = [0, .. Deltas()];
    private static readonly CodePointTable s_table = Build();

    /// <summary>The lower case of anything but <see cref="Expanding"/>.</summary>
    public static int Of(int point) => point < 0x80 ? (uint)(point - 'A') <= 'Z' - 'A' ? point | 0x20 : point : point + s_deltas[s_table[point]];

    private static int[] Deltas()
    {
        ReadOnlySpan<int> runs = LowerCaseTable.Runs;
        var deltas = new HashSet<int>();
        for (int i = 0; i < runs.Length; i += 4) deltas.Add(runs[i + 3]);
        return [.. deltas];
    }

    private static CodePointTable Build()
    {
        ReadOnlySpan<int> runs = LowerCaseTable.Runs;
        var table = new CodePointTable.Builder();
        for (int i = 0; i < runs.Length; i += 4)
        {
            ushort delta = (ushort)Array.IndexOf(s_deltas, runs[i + 3]);
            for (int point = runs[i]; point <= runs[i + 1]; point += runs[i + 2]) table[point] = delta;
        }

        return table.Build();
    }
}
