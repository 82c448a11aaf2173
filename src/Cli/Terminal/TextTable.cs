using System.Text;
using MergeEngine.Merging.Streaming.Planning.Reports;

namespace MergeEngine.Cli.Terminal;

/// <summary>A table of plain aligned text: what pipes, logs and tests read.</summary>
internal sealed class TextTable(params string[] headers)
{
    private readonly List<string[]> rows = [];
    private readonly bool[] right = new bool[headers.Length];

    /// <summary>Right-aligns columns of numbers.</summary>
    public TextTable AlignRight(params ReadOnlySpan<int> columns)
    {
        foreach (int column in columns) right[column] = true;
        return this;
    }

    public void Add(params string[] cells) => rows.Add(cells);

    public void Write(TextWriter output)
    {
        int[] widths = [.. headers.Select((header, i) => Math.Max(TextWidth.Of(header), rows.Count == 0 ? 0 : rows.Max(row => TextWidth.Of(row[i]))))];
        WriteRow(output, headers, widths);
        foreach (string[] row in rows) WriteRow(output, row, widths);
    }

    private void WriteRow(TextWriter output, string[] cells, int[] widths)
    {
        var line = new StringBuilder();
        for (int i = 0; i < cells.Length; i++)
        {
            if (i > 0) line.Append("  ");
            line.Append(right[i] ? TextWidth.PadLeft(cells[i], widths[i]) : TextWidth.PadRight(cells[i], widths[i]));
        }

        output.WriteLine(line.ToString().TrimEnd());
    }
}
