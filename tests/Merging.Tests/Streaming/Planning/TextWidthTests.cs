using MergeEngine.Merging.Streaming.Planning.Reports;

namespace MergeEngine.Merging.Tests.Streaming.Planning;

/// <summary>Columns of a terminal; the values are those that <c>wcswidth</c> of glibc gives for the same texts.</summary>
public sealed class TextWidthTests
{
    [Theory]
    [InlineData("", 0)]
    [InlineData("layer.0", 7)]
    [InlineData("größe λ…–", 9)]
    [InlineData("重み", 4)]
    [InlineData("가중치", 6)]
    [InlineData("\u1100\u1161\u11A8", 2)] // 각 in parts
    [InlineData("ｗ", 2)]
    [InlineData("ｱ", 1)] // halfwidth kana
    [InlineData("か\u3099", 2)] // が in parts: a mark within the wide ranges
    [InlineData("e\u0301", 1)]
    [InlineData("\u20DD", 0)]
    [InlineData("a\u200Bb", 2)]
    [InlineData("😀", 2)]
    [InlineData("👍\U0001F3FD", 4)]
    [InlineData("❤\uFE0F", 1)]
    [InlineData("𠀀", 2)]
    [InlineData("\uFFFD", 1)]
    [InlineData("⌚⌛", 4)]
    [InlineData("⌙⌜", 2)] // beside a range
    public void Characters_take_two_columns_or_none_or_one(string text, int columns) => Assert.Equal(columns, TextWidth.Of(text));

    [Fact]
    public void Padding_fills_columns_and_shortens_nothing()
    {
        Assert.Equal("重み  ", TextWidth.PadRight("重み", 6));
        Assert.Equal("  重み", TextWidth.PadLeft("重み", 6));
        Assert.Equal("重み", TextWidth.PadRight("重み", 3));
        Assert.Equal("e\u0301 ", TextWidth.PadRight("e\u0301", 2));
    }
}
