using MergeEngine.Models.Tokenizers;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Datasets.Tables;

/// <summary>Tables of labelled texts as a dataset: rows through a tokenizer, labels to classes.</summary>
public static class TextDataset
{
    /// <summary>Reads and tokenizes all files. Of a text nothing stays in memory but its tokens.</summary>
    /// <param name="files">Where the rows are.</param>
    /// <param name="columns">What they hold.</param>
    /// <param name="tokenizer">The model's.</param>
    /// <param name="maxTokens">Tokens that a text or a pair is cut to, special ones included.</param>
    /// <param name="name">The task; null for the name of the file.</param>
    /// <param name="classes">Names of the classes in their order; null for those of the training split, see <see cref="LabelNames"/>.</param>
    /// <param name="headClasses">Names of the rows of the head, which are the classes where there is no training split; null where they are not known.</param>
    /// <exception cref="ModelException">A file cannot be read as such a table; one sentence with file and line.</exception>
    public static Dataset Read(
        TextFiles files, TextColumns columns, ITokenizer tokenizer, int maxTokens, string? name = null, IReadOnlyList<string>? classes = null, IReadOnlyList<string>? headClasses = null)
    {
        int special = Math.Max(1, tokenizer.SpecialTokenCount(pair: columns.Pair is not null));
        if (maxTokens < special) throw new ModelException($"{files.Source}: its texts would be cut to {maxTokens} tokens, expected at least {special}, as many as are put around a text.");
        if (columns.Split is not null && (files.Files.Count > 1 || files.Files[0].Split is not null))
            throw new ModelException($"{files.Source}: the splits have files of their own, expected no column for them, but {Quoting.Quote(columns.Split)} is said to be one.");
        if (classes is not null && classes.Distinct(StringComparer.Ordinal).Count() != classes.Count) throw new ModelException($"{files.Source}: a class is named twice, expected {classes.Count} different names.");
        var labels = new LabelNames();
        var options = new TokenizerOptions { MaxLength = maxTokens };
        var splits = new List<SplitRows>();
        foreach ((string? split, string path) in files.Files) ReadFile(path, split, columns, tokenizer, options, labels, splits);
        if (splits.Count == 0) throw new ModelException($"{files.Source}: there is no row, expected labelled texts.");
        SplitRows? train = splits.Find(split => split.Name == "train");
        bool areOfHead = classes is null && train is null && headClasses is not null;
        classes ??= areOfHead ? headClasses! : labels.ClassesOf((train ?? OnlyNumbers(files.Source, splits, labels)).Seen);
        int[] map = labels.Map(classes, areOfHead);
        return new Dataset(files.Source, name ?? NameOf(files.Source), classes, [.. splits.Select(split => split.ToSplit(map, labels, classes))]);
    }

    private static void ReadFile(
        string path, string? split, TextColumns columns, ITokenizer tokenizer, TokenizerOptions options, LabelNames labels, List<SplitRows> splits)
    {
        using TextTable table = TextTable.Open(path, columns);
        var row = new TextRow();
        var tokens = new TokenSequence();
        SplitRows? rows = null;
        bool any = false;
        while (table.Read(row))
        {
            any = true;
            string name = split ?? SplitOf(path, columns, row);
            if (rows?.Name != name) rows = Rows(splits, path, name);
            if (row.Pair is { } pair) tokenizer.Encode(row.Text, pair, options, tokens);
            else tokenizer.Encode(row.Text, options, tokens);
            if (tokens.Count == 0) throw new ModelException($"{path}: the text on line {row.Line} has no tokens, expected one that has, as this tokenizer puts none around it.");
            if (row.Label.Length == 0) throw new ModelException($"{path}: line {row.Line} has an empty label, expected the name or number of a class.");
            int label = labels.Add(row.Label);
            if (label < 0) throw new ModelException($"{path}: line {row.Line} has the label {Quoting.Quote(row.Label)} as one more than {LabelNames.MostClasses} others, expected a column of classes.");
            rows.Add(tokens, label, row.Line);
        }

        if (!any) throw new ModelException($"{path}: there is no row, expected labelled texts.");
    }

    /// <summary>The split of a row of a file with rows of all of them.</summary>
    internal static string SplitOf(string path, TextColumns columns, TextRow row)
    {
        if (columns.Split is null) return "input";
        return TextFiles.SplitOf(row.Split!) ?? throw new ModelException($"{path}: line {row.Line} is of the split {Quoting.Quote(row.Split!)}, expected train, validation (valid, val, dev) or test.");
    }

    private static SplitRows Rows(List<SplitRows> splits, string path, string name)
    {
        SplitRows? rows = splits.Find(split => split.Name == name);
        if (rows is null) splits.Add(rows = new SplitRows(path, name));
        return rows;
    }

    /// <summary>Without a training split only numbers tell which class a label is: names of a part of the classes would be numbered otherwise.</summary>
    private static SplitRows OnlyNumbers(string source, List<SplitRows> splits, LabelNames labels)
    {
        string[] names = [.. labels.ClassesOf(splits[0].Seen)];
        return names.Contains("0") ? splits[0] : throw new ModelException(
            $"{source}: the labels are names such as {Quoting.Quote(names[0])}, and there is no training split that tells all of them, expected a list of the classes.");
    }

    /// <summary>The task's name where nothing else gives it one.</summary>
    internal static string NameOf(string source)
    {
        string name = Path.GetFileNameWithoutExtension(Path.TrimEndingDirectorySeparator(source));
        return name.Replace("{split}", "", StringComparison.Ordinal).Trim('.', '-', '_') is { Length: > 0 } own ? own : Path.GetFileName(Path.GetDirectoryName(Path.GetFullPath(source))) ?? name;
    }
}
