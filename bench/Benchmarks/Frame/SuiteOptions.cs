using System.Globalization;

namespace MergeEngine.Benchmarks.Frame;

/// <summary>What stands behind a table's name on the command line: options with a value each.</summary>
internal sealed class SuiteOptions
{
    private readonly Dictionary<string, string> _values = [];

    /// <exception cref="FormatException">A word is no option of the table, or has no value; or tables cannot be kept where they are to be.</exception>
    public SuiteOptions(ReadOnlySpan<string> words, params ReadOnlySpan<string> known)
    {
        for (int i = 0; i < words.Length; i++)
        {
            string name = words[i];
            if (name != "--save" && !known.Contains(name))
                throw new FormatException($"'{name}' is no option of this table, expected {string.Join(", ", [.. known, "--save"])}.");
            bool hasValue = i + 1 < words.Length && !words[i + 1].StartsWith("--", StringComparison.Ordinal);
            if (!hasValue && name != "--save") throw new FormatException($"{name} has no value.");
            _values[name] = hasValue ? words[++i] : Repository.Results;
        }

        if (Directory is { } directory) RequireWritable(directory);
    }

    /// <summary>Where tables are kept; null for nowhere. Without a value it is <see cref="Repository.Results"/>.</summary>
    public string? Directory => Text("--save");

    public string? Text(string name) => _values.GetValueOrDefault(name);

    /// <summary>Those of a table's rows that <c>--only</c> names a part of, whatever its case; all without it.</summary>
    /// <param name="rows">All that the table has.</param>
    /// <param name="name">What a row is called.</param>
    /// <exception cref="FormatException">There is none such.</exception>
    public T[] Only<T>(IReadOnlyList<T> rows, Func<T, string> name)
    {
        if (Text("--only") is not { } part) return [.. rows];
        T[] found = [.. rows.Where(row => name(row).Contains(part, StringComparison.OrdinalIgnoreCase))];
        return found.Length > 0 ? found : throw new FormatException($"--only is '{part}', expected a part of one of these: {string.Join("; ", rows.Select(name).Distinct())}.");
    }

    /// <summary>Those of a table's shapes that <c>--largest</c> allows.</summary>
    /// <param name="shapes">All that the table has.</param>
    /// <param name="otherwise">What is allowed if nobody says.</param>
    /// <param name="size">What it takes to allow a shape.</param>
    /// <exception cref="FormatException">There is none so small.</exception>
    public T[] UpTo<T>(IReadOnlyList<T> shapes, int otherwise, Func<T, long> size)
    {
        int largest = Number("--largest") ?? otherwise;
        T[] found = [.. shapes.Where(shape => size(shape) <= largest)];
        return found.Length > 0 ? found : throw new FormatException($"--largest is {largest}, expected {shapes.Min(size)} or more: no matrix of this table is smaller.");
    }

    /// <summary>A whole number above zero; null if it was left out.</summary>
    /// <exception cref="FormatException">It is something else.</exception>
    public int? Number(string name)
    {
        if (Text(name) is not { } text) return null;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0
            ? number
            : throw new FormatException($"{name} is '{text}', expected a whole number above 0.");
    }

    /// <summary>Says before minutes of measuring what would fail after them.</summary>
    private static void RequireWritable(string directory)
    {
        try
        {
            if (System.IO.File.Exists(directory)) throw new FormatException($"--save is '{directory}', which is a file, expected a directory to keep tables in.");
            // The directory is made with the first table.
            string? holder = Path.GetFullPath(directory);
            while (holder is not null && !System.IO.Directory.Exists(holder)) holder = System.IO.File.Exists(holder) ? throw new IOException(holder) : Path.GetDirectoryName(holder);
            string probe = Path.Combine(holder ?? directory, $".{Path.GetRandomFileName()}.partial");
            using FileStream file = new(probe, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new FormatException($"--save is '{directory}', where nothing can be written, expected a directory to keep tables in.", exception);
        }
    }
}
