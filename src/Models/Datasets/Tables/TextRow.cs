namespace MergeEngine.Models.Datasets.Tables;

/// <summary>One row of a table of texts; used again for the next one.</summary>
internal sealed class TextRow
{
    /// <summary>Values in the order text, pair, label, split; null where the column is not wanted.</summary>
    public string?[] Values { get; } = new string?[4];

    /// <summary>Line of the file on which the row begins, from 1.</summary>
    public long Line { get; set; }

    public string Text => Values[0]!;

    public string? Pair => Values[1];

    public string Label => Values[2]!;

    public string? Split => Values[3];
}
