using System.Globalization;
using System.Text;
using MergeEngine.Cli.Terminal;
using MergeEngine.Merging.Streaming.Planning.Reports;
using Spectre.Console.Rendering;

namespace MergeEngine.Cli.Tests.Reports;

public sealed class TextTableTests
{
    [Fact]
    public void Columns_line_up_where_names_are_wide_or_combine()
    {
        TextTable table = new TextTable("名前", "bytes").AlignRight(1);
        table.Add("重み", "4");
        table.Add("e\u0301", "１２");
        table.Add("weight", "16");
        using var output = new StringWriter { NewLine = "\n" };
        table.Write(output);
        Assert.Equal("名前    bytes\n重み        4\ne\u0301        １２\nweight     16\n", output.ToString());
    }

    /// <summary>
    /// Another implementation, with the table of an older Unicode: below U+10000, beyond which it counts halves of pairs, all but what became wide or a mark in Unicode 16 and the
    /// later parts of Korean syllables take the same columns.
    /// </summary>
    [Fact]
    public void Widths_are_those_of_the_library_that_draws_bars()
    {
        UnicodeCategory[] apart =
        [
            UnicodeCategory.Control, UnicodeCategory.Format, UnicodeCategory.OtherNotAssigned, UnicodeCategory.PrivateUse, UnicodeCategory.LineSeparator, UnicodeCategory.ParagraphSeparator,
        ];
        int compared = 0;
        foreach (Rune rune in Enumerable.Range(0, 0x10000).Where(Rune.IsValid).Select(value => new Rune(value)).Where(rune => !apart.Contains(Rune.GetUnicodeCategory(rune))))
        {
            compared++;
            int expected = rune.Value switch
            {
                0x0897 or (>= 0x1160 and <= 0x11FF) or (>= 0xD7B0 and <= 0xD7FF) => 0,
                (>= 0x2630 and <= 0x2637) or (>= 0x268A and <= 0x268F) or 0x31E4 or 0x31E5 or (>= 0x4DC0 and <= 0x4DFF) => 2,
                _ => new Segment(rune.ToString()).CellCount(),
            };
            Assert.True(TextWidth.Of(rune.ToString()) == expected, $"U+{rune.Value:X4} takes {TextWidth.Of(rune.ToString())} columns, expected {expected}");
        }

        Assert.InRange(compared, 50_000, 0x10000);
    }
}
