using MergeEngine.Models.Tokenizers.Unicode;

namespace MergeEngine.Models.Tokenizers.Templates;

/// <summary>How many blanks a token's spelling starts and ends with; <c>Ġ</c>, the byte-level alphabet's space, is one.</summary>
internal readonly record struct SpaceCount(int Leading, int Trailing)
{
    /// <summary>The space of the byte-level alphabet.</summary>
    public const int ByteLevelSpace = 0x120;

    public static SpaceCount Of(string token)
    {
        int[] points = [.. token.EnumerateRunes().Select(rune => rune.Value)];
        return Of(points, isStart: true);
    }

    /// <param name="points">The token as it stands in the text.</param>
    /// <param name="isStart">False if a prefix that is not blank stands before it.</param>
    public static SpaceCount Of(ReadOnlySpan<int> points, bool isStart)
    {
        int leading = 0, trailing = 0;
        while (isStart && leading < points.Length && IsBlank(points[leading])) leading++;
        while (trailing < points.Length && IsBlank(points[^(trailing + 1)])) trailing++;
        return new SpaceCount(leading, trailing);
    }

    private static bool IsBlank(int point) => point == ByteLevelSpace || CodePoints.IsSpace(point);
}
