namespace MergeEngine.Models.Datasets.Tables;

/// <summary>
/// Which columns of a table of texts hold what. A column is called by its name in the first line or, of a table without such a line, by its
/// number from 1; of JSON lines by its key.
/// </summary>
public sealed record TextColumns
{
    /// <summary>The text, or the first of a pair.</summary>
    public string Text { get; init; } = "text";

    /// <summary>The second text of a pair; null where texts stand alone.</summary>
    public string? Pair { get; init; }

    /// <summary>The class: a name, or its number.</summary>
    public string Label { get; init; } = "label";

    /// <summary>The split that a row belongs to, in one file with all of them; null where every split has a file of its own.</summary>
    public string? Split { get; init; }

    /// <summary>False for a TSV or CSV file whose first line is a row like the others.</summary>
    public bool HasHeader { get; init; } = true;

    /// <summary>The wanted columns in the order of a <see cref="TextRow"/>; null for one that is not wanted.</summary>
    internal string?[] Wanted => [Text, Pair, Label, Split];
}
