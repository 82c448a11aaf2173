namespace MergeEngine.Models.Tokenizers.Unicode;

/// <summary>Canonical combining classes: marks of different classes have one canonical order.</summary>
internal static class CombiningClasses
{
    private static readonly CodePointTable s_table = Build();

    /// <summary>0 for what starts a new sequence.</summary>
    public static int Of(int point) => s_table[point];

    public static void Mark(CodePointTable.Builder traits)
    {
        ReadOnlySpan<int> runs = CombiningClassTable.Runs;
        for (int i = 0; i < runs.Length; i += 4)
        {
            for (int point = runs[i]; point <= runs[i + 1]; point += runs[i + 2]) traits[point] |= (ushort)CodePointTraits.MayCompose;
        }
    }

    private static CodePointTable Build()
    {
        ReadOnlySpan<int> runs = CombiningClassTable.Runs;
        var table = new CodePointTable.Builder();
        for (int i = 0; i < runs.Length; i += 4)
        {
            for (int point = runs[i]; point <= runs[i + 1]; point += runs[i + 2]) table[point] = (ushort)runs[i + 3];
        }

        return table.Build();
    }
}
