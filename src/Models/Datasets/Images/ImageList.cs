using MergeEngine.Models.Datasets.Tables;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Datasets.Images;

/// <summary>Tables that name image files and their classes: TSV, CSV or JSON lines with a column of paths, relative to the table, and one of labels.</summary>
public static class ImageList
{
    /// <summary>Names of the column of paths, the first of them that a table has; the second is that of Hugging Face's metadata files.</summary>
    public static IReadOnlyList<string> FileColumns { get; } = ["file", "file_name"];

    /// <summary>The columns of a table whose paths stand in a column of one of the usual names.</summary>
    /// <param name="files">The table.</param>
    /// <returns>Null where it has no such column, or cannot be read.</returns>
    public static TextColumns? FindColumns(TextFiles files)
    {
        foreach (string column in FileColumns)
        {
            try
            {
                using TextTable table = TextTable.Open(files.Files[0].Path, new TextColumns { Text = column });
                if (table.Read(new TextRow())) return new TextColumns { Text = column };
            }
            catch (ModelException)
            {
                // The next name, or a table that opening it in earnest will complain about.
            }
        }

        return null;
    }

    /// <summary>Reads all tables; no image is read yet.</summary>
    /// <param name="files">Where the rows are.</param>
    /// <param name="columns">What they hold; the column of the text holds the paths.</param>
    /// <param name="name">The task; null for the name of the file.</param>
    /// <param name="classes">Names of the classes in their order; null for those of the training split, see <see cref="LabelNames"/>.</param>
    /// <param name="headClasses">Names of the rows of the head, which are the classes where there is no training split; null where they are not known.</param>
    /// <exception cref="ModelException">A table cannot be read, or a file is not there; one sentence with file and line.</exception>
    public static Dataset Read(TextFiles files, TextColumns columns, string? name = null, IReadOnlyList<string>? classes = null, IReadOnlyList<string>? headClasses = null)
    {
        var labels = new LabelNames();
        var splits = new List<ListedImages>();
        foreach ((string? split, string path) in files.Files)
        {
            using TextTable table = TextTable.Open(path, columns);
            var row = new TextRow();
            bool any = false;
            for (; table.Read(row); any = true) Add(splits, path, split ?? TextDataset.SplitOf(path, columns, row), row, labels);
            if (!any) throw new ModelException($"{path}: there is no row, expected the paths of images and their labels.");
        }

        ListedImages? train = splits.Find(split => split.Name == "train");
        bool areOfHead = classes is null && train is null && headClasses is not null;
        classes ??= areOfHead ? headClasses! : labels.ClassesOf((train ?? splits[0]).Seen);
        int[] map = labels.Map(classes, areOfHead);
        return new Dataset(files.Source, name ?? TextDataset.NameOf(files.Source), classes, [.. splits.Select(split => split.ToSplit(map, labels, classes))]);
    }

    private static void Add(List<ListedImages> splits, string path, string name, TextRow row, LabelNames labels)
    {
        ListedImages? split = splits.Find(known => known.Name == name);
        if (split is null) splits.Add(split = new ListedImages(path, name));
        string file = Path.Combine(Path.GetDirectoryName(path) ?? "", row.Text);
        if (row.Text.Length == 0 || !File.Exists(file)) throw new ModelException($"{path}: line {row.Line} names the file {Quoting.Quote(row.Text)}, which is not there.");
        if (row.Label.Length == 0) throw new ModelException($"{path}: line {row.Line} has an empty label, expected the name or number of a class.");
        int label = labels.Add(row.Label);
        if (label < 0) throw new ModelException($"{path}: line {row.Line} has the label {Quoting.Quote(row.Label)} as one more than {LabelNames.MostClasses} others, expected a column of classes.");
        split.Add(row.Text, label, row.Line);
    }

    /// <summary>The rows of one split while they are read.</summary>
    private sealed class ListedImages(string path, string name)
    {
        private readonly List<string> _files = [];
        private readonly List<int> _labels = [];
        private readonly SortedDictionary<int, long> _firstLines = [];

        public string Name { get; } = name;

        public IReadOnlyCollection<int> Seen => _firstLines.Keys;

        public void Add(string file, int label, long line)
        {
            _files.Add(file);
            _labels.Add(label);
            _firstLines.TryAdd(label, line);
        }

        public ImageFileSplit ToSplit(int[] classOf, LabelNames labels, IReadOnlyList<string> classes)
        {
            foreach ((int label, long line) in _firstLines.OrderBy(seen => seen.Value))
            {
                if (classOf[label] < 0) throw new ModelException($"{path}: line {line} has the label {Quoting.Quote(labels[label])}, expected {LabelNames.Describe(classes)}.");
            }

            return new ImageFileSplit(path, Name, Path.GetDirectoryName(path) ?? "", _files, [.. _labels.Select(label => classOf[label])]);
        }
    }
}
