namespace MergeEngine.Models.Tokenizers.Unicode;

/// <summary>Hangul syllables are composed of jamo by arithmetic (Unicode Standard, section 3.12).</summary>
internal static class Hangul
{
    public const int FirstSyllable = 0xAC00;
    public const int SyllableCount = 11172;

    private const int FirstLeading = 0x1100, FirstVowel = 0x1161, BeforeTrailing = 0x11A7;
    private const int LeadingCount = 19, VowelCount = 21, TrailingCount = 28;

    public static bool IsSyllable(int point) => (uint)(point - FirstSyllable) < SyllableCount;

    /// <summary>The two or three jamo of a syllable.</summary>
    /// <param name="point">The syllable.</param>
    /// <param name="parts">[≥ 3].</param>
    /// <returns>How many.</returns>
    public static int Decompose(int point, Span<int> parts)
    {
        int index = point - FirstSyllable, trailing = index % TrailingCount;
        parts[0] = FirstLeading + (index / (VowelCount * TrailingCount));
        parts[1] = FirstVowel + (index / TrailingCount % VowelCount);
        parts[2] = BeforeTrailing + trailing;
        return trailing == 0 ? 2 : 3;
    }

    /// <summary>The syllable of two neighbours, or -1.</summary>
    public static int Compose(int first, int second)
    {
        if ((uint)(first - FirstLeading) < LeadingCount && (uint)(second - FirstVowel) < VowelCount)
            return FirstSyllable + ((((first - FirstLeading) * VowelCount) + (second - FirstVowel)) * TrailingCount);
        bool open = IsSyllable(first) && (first - FirstSyllable) % TrailingCount == 0;
        return open && second > BeforeTrailing && second < BeforeTrailing + TrailingCount ? first + second - BeforeTrailing : -1;
    }
}
