namespace MergeEngine.Models.Datasets.Tables;

/// <summary>Which file holds which split of a table of texts; a file without a split has rows of all of them, or none.</summary>
/// <param name="Source">What the user called it, for messages.</param>
/// <param name="Files">Split and path; the split is null for the only file where rows name theirs.</param>
public sealed record TextFiles(string Source, IReadOnlyList<(string? Split, string Path)> Files)
{
    private const string Place = "{split}";

    private static readonly string[] Endings = [".tsv", ".csv", ".jsonl"];

    private static readonly (string Split, string[] Names)[] Splits =
        [("train", ["train"]), ("validation", ["validation", "valid", "val", "dev"]), ("test", ["test"])];

    /// <summary>
    /// True for what <see cref="Find"/> can find: a <c>.tsv</c>, <c>.csv</c> or <c>.jsonl</c> file, a name with <c>{split}</c> in the place of the
    /// split's, or a directory with files such as <c>train.tsv</c>.
    /// </summary>
    public static bool Matches(string path) => TextTable.Matches(path) || (Directory.Exists(path) && Patterns(path).Any(pattern => Existing(pattern).Count > 0));

    /// <summary>Finds the files.</summary>
    /// <exception cref="ModelException">There is none.</exception>
    public static TextFiles Find(string path)
    {
        if (Directory.Exists(path))
        {
            List<(string?, string)>[] found = [.. Patterns(path).Select(Existing).Where(files => files.Count > 0)];
            if (found.Length == 1) return new TextFiles(path, found[0]);
            throw new ModelException($"{path}: holds {(found.Length == 0 ? "no" : "several kinds of")} tables of texts, expected train, validation and test in .tsv, .csv or .jsonl files.");
        }

        if (!path.Contains(Place, StringComparison.Ordinal)) return new TextFiles(path, [(null, path)]);
        List<(string?, string)> files = Existing(path);
        return files.Count > 0 ? new TextFiles(path, files) : throw new ModelException($"{path}: there is no such file with train, validation or test for {Place}.");
    }

    /// <summary>The split that a name means; null if it means none.</summary>
    internal static string? SplitOf(string name)
    {
        foreach ((string split, string[] names) in Splits)
        {
            if (names.Contains(name)) return split;
        }

        return null;
    }

    private static IEnumerable<string> Patterns(string directory) => Endings.Select(ending => Path.Combine(directory, Place + ending));

    private static List<(string? Split, string Path)> Existing(string pattern)
    {
        var files = new List<(string?, string)>();
        foreach ((string split, string[] names) in Splits)
        {
            string[] paths = [.. names.Select(name => pattern.Replace(Place, name, StringComparison.Ordinal)).Where(File.Exists)];
            if (paths.Length > 1) throw new ModelException($"{pattern}: {paths[0]} and {paths[1]} are both there, expected one file for the split {split}.");
            if (paths.Length == 1) files.Add((split, paths[0]));
        }

        return files;
    }
}
