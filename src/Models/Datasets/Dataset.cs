using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Datasets;

/// <summary>A task's samples: some of the splits train, validation and test, and the names of its classes.</summary>
public sealed class Dataset
{
    private readonly Dictionary<string, DatasetSplit> _splits = new(StringComparer.Ordinal);

    /// <param name="source">The file or directory, for messages.</param>
    /// <param name="name">The task.</param>
    /// <param name="classes">Names of the classes; null: as many as the largest label wants, called by their numbers.</param>
    /// <param name="splits">At least one.</param>
    /// <exception cref="ModelException">A label is out of range, or too large for classes without names, a name stands twice, or there is no split.</exception>
    public Dataset(string source, string name, IReadOnlyList<string>? classes, IEnumerable<DatasetSplit> splits)
    {
        Source = source;
        Name = name;
        int largest = -1;
        foreach (DatasetSplit split in splits)
        {
            if (!_splits.TryAdd(split.Name, split)) throw new ModelException($"{source}: the split {Quoting.Quote(split.Name)} stands twice.");
            if (split.Labels.Length != 0 && split.Labels.Length != split.Count)
                throw new ModelException($"{split.Source}: the split {split.Name} has {Counting.Of(split.Labels.Length, "label")} for {Counting.Of(split.Count, "sample")}.");
            foreach (int label in split.Labels) largest = Math.Max(largest, label);
        }

        if (_splits.Count == 0) throw new ModelException($"{source}: there are no samples, expected a split train, validation or test.");
        Splits = [.. _splits.Values];
        if (classes is null && largest >= Tables.LabelNames.MostClasses)
            throw new ModelException($"{source}: the largest label is {largest}, expected labels below {Tables.LabelNames.MostClasses} where the classes have no names.");
        Classes = classes ?? [.. Enumerable.Range(0, largest + 1).Select(i => $"{i}")];
        RequireLabelsBelow(Classes.Count, "its classes");
    }

    /// <summary>The file or directory that it comes from.</summary>
    public string Source { get; }

    public string Name { get; }

    /// <summary>Names of the classes, by label.</summary>
    public IReadOnlyList<string> Classes { get; }

    public IReadOnlyList<DatasetSplit> Splits { get; }

    /// <summary>The split of a name, or null.</summary>
    public DatasetSplit? this[string split] => _splits.GetValueOrDefault(split);

    public DatasetSplit? Train => this["train"];

    public DatasetSplit? Validation => this["validation"];

    public DatasetSplit? Test => this["test"];

    /// <summary>What a dataset may be, for messages.</summary>
    internal const string Expected = "a dataset: a .safetensors file, a folder of images, a directory of IDX files, or a table in .csv, .tsv or .jsonl";

    /// <summary>
    /// Opens a safetensors dataset (<c>train.images</c> or <c>train.input_ids</c>, <c>train.labels</c>, …), a safetensors input (<c>images</c> or
    /// <c>input_ids</c>, perhaps <c>labels</c>), a directory of IDX files, a folder of images or one image, or a table with a column of image files.
    /// </summary>
    /// <exception cref="ModelException">The path holds none of them, or what it holds does not fit together.</exception>
    /// <exception cref="SafetensorsException">The file is no safetensors file.</exception>
    public static Dataset Open(string path)
    {
        if (Tables.TextFiles.Matches(path))
        {
            Tables.TextFiles files = Tables.TextFiles.Find(path);
            return Images.ImageList.FindColumns(files) is { } columns ? Images.ImageList.Read(files, columns)
                : throw new ModelException($"{path}: is a table of texts, expected images or token ids where no model's tokenizer is at hand.");
        }

        if (Directory.Exists(path)) return IdxDataset.Matches(path) || !Images.ImageFolder.Matches(path) ? IdxDataset.Open(path) : Images.ImageFolder.Open(path);
        if (path.EndsWith(".gz", StringComparison.Ordinal) || path.EndsWith("ubyte", StringComparison.Ordinal))
            throw new ModelException($"{path}: is one file of an IDX dataset, expected the directory that holds images and labels.");
        return Images.ImageFolder.IsImageFile(path) ? Images.ImageFolder.OpenFile(path) : SafetensorsDataset.Open(path);
    }

    /// <summary>True for a directory of IDX files or of images without a checkpoint beside them, and for a list of image files; what is in them may be damaged.</summary>
    public static bool HoldsImages(string path)
    {
        if (Directory.Exists(path) && Directory.EnumerateFiles(path).Any(file => file.EndsWith(".safetensors", StringComparison.Ordinal) || file.EndsWith(".safetensors.index.json", StringComparison.Ordinal))) return false;
        if (Tables.TextFiles.Matches(path)) return Images.ImageList.FindColumns(Tables.TextFiles.Find(path)) is not null;
        return Directory.Exists(path) && (IdxDataset.Matches(path) || Images.ImageFolder.Matches(path));
    }

    /// <summary>True for a safetensors file with token ids, as its header says; false for anything else, and for what cannot be read.</summary>
    public static bool HoldsTokens(string path)
    {
        if (!File.Exists(path)) return false;
        try
        {
            using SafetensorsFile file = SafetensorsFile.Open(path);
            return file.Tensors.Any(tensor => SafetensorsTexts.IsIds(tensor.Name));
        }
        catch (Exception e) when (e is SafetensorsException or IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>The split of a name; valid, val and dev mean validation.</summary>
    /// <exception cref="ModelException">There is none; the message lists those that are there.</exception>
    public DatasetSplit Require(string split) => this[split] ?? (Tables.TextFiles.SplitOf(split) is { } usual ? this[usual] : null)
        ?? throw new ModelException($"{Source}: there is no split {Quoting.Quote(split)}, expected one of {string.Join(", ", Splits.Select(s => s.Name))}.");

    /// <summary>The same samples with their classes numbered as the rows of a head.</summary>
    /// <param name="classes">Names of the rows.</param>
    /// <param name="rows">The row of every class.</param>
    internal Dataset WithRows(IReadOnlyList<string> classes, IReadOnlyList<int> rows) => new(Source, Name, classes, Splits.Select(split => new RelabelledSamples(split, rows)));

    /// <summary>Every label is one that a head of so many classes knows.</summary>
    /// <exception cref="ModelException">Names the first sample whose label is not.</exception>
    public void RequireLabelsBelow(int classes, string whose)
    {
        foreach (DatasetSplit split in Splits)
        {
            int bad = split.Labels.IndexOfAnyExceptInRange(0, classes - 1);
            if (bad >= 0) throw new ModelException($"{split.Source}: label {split.Labels[bad]} of sample {bad} in the split {split.Name} is not one of {whose}, expected 0 to {classes - 1}.");
        }
    }
}
