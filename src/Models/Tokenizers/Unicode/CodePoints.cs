using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace MergeEngine.Models.Tokenizers.Unicode;

/// <summary>What the reference takes a code point for. All from generated tables but <see cref="IsWord"/>.</summary>
internal static class CodePoints
{
    private static readonly CodePointTable s_traits = BuildTraits();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static CodePointTraits TraitsOf(int point) => (CodePointTraits)s_traits[point];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Is(int point, CodePointTraits any) => (TraitsOf(point) & any) != 0;

    /// <summary>\s</summary>
    public static bool IsSpace(int point) => Is(point, CodePointTraits.Space);

    /// <summary>\w, which only added tokens with <c>single_word</c> ask about: alphabetic, marks, decimal digits, connectors, joiners.</summary>
    public static bool IsWord(int point) => Is(point, CodePointTraits.Letter) || (Rune.IsValid(point) && IsOtherWord(new Rune(point)));

    private static bool IsOtherWord(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark => true,
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.ConnectorPunctuation => true,
        // Circled and squared letters are alphabetic without being letters.
        _ => rune.Value is (>= 0x24B6 and <= 0x24E9) or (>= 0x1F130 and <= 0x1F149) or (>= 0x1F150 and <= 0x1F169) or (>= 0x1F170 and <= 0x1F189) or 0x200C or 0x200D,
    };

    private static CodePointTable BuildTraits()
    {
        var table = new CodePointTable.Builder();
        Mark(table, CodePointRanges.CleanRemoved, CodePointTraits.CleanRemoved);
        Mark(table, CodePointRanges.CleanSpace, CodePointTraits.CleanSpace);
        Mark(table, CodePointRanges.Chinese, CodePointTraits.Chinese);
        Mark(table, CodePointRanges.Accents, CodePointTraits.Accent);
        Mark(table, CodePointRanges.Punctuation, CodePointTraits.Punctuation);
        Mark(table, CodePointRanges.Whitespace, CodePointTraits.Whitespace);
        Mark(table, CodePointRanges.Letters, CodePointTraits.Letter);
        Mark(table, CodePointRanges.Numbers, CodePointTraits.Number);
        Mark(table, CodePointRanges.Spaces, CodePointTraits.Space);
        // Decomposed Hangul may compose: vowels and trailing consonants join what stands before them.
        Mark(table, [0x1161, 0x1175, 0x11A8, 0x11C2], CodePointTraits.MayCompose);
        Mark(table, CodePointRanges.NotComposed, CodePointTraits.MayCompose);
        Composition.MarkSeconds(table);
        CombiningClasses.Mark(table);
        return table.Build();
    }

    private static void Mark(CodePointTable.Builder table, ReadOnlySpan<int> ranges, CodePointTraits trait)
    {
        for (int i = 0; i < ranges.Length; i += 2)
        {
            for (int point = ranges[i]; point <= ranges[i + 1]; point++) table[point] |= (ushort)trait;
        }
    }
}
