using System.Text;

namespace MergeEngine.Models.Datasets.Tables;

/// <summary>The rows of a TSV, CSV or JSON-lines file, one at a time.</summary>
internal abstract class TextTable(string path) : IDisposable
{
    /// <summary>Bytes of the longest row: a file of one endless row fills no more memory than this.</summary>
    internal const int LongestRow = 1 << 24;

    /// <summary>Throws for bytes that are not UTF-8.</summary>
    internal static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    protected string Path { get; } = path;

    /// <summary>True for the name of a file that <see cref="Open"/> knows how to read.</summary>
    public static bool Matches(string path) => System.IO.Path.GetExtension(path) is ".tsv" or ".csv" or ".jsonl" or ".ndjson";

    /// <exception cref="ModelException">The file cannot be read, or lacks a column.</exception>
    public static TextTable Open(string path, TextColumns columns)
    {
        try
        {
            return System.IO.Path.GetExtension(path) switch
            {
                ".tsv" => new DelimitedTable(path, columns, quoted: false),
                ".csv" => new DelimitedTable(path, columns, quoted: true),
                ".jsonl" or ".ndjson" => new JsonLinesTable(path, columns),
                _ => throw new ModelException($"{path}: is no table of texts by its name, expected one that ends in .tsv, .csv or .jsonl."),
            };
        }
        catch (Exception e) when (e is UnauthorizedAccessException || (e is IOException && e is not ModelException))
        {
            throw Unreadable(path, e);
        }
    }

    /// <summary>Reads the next row; false at the end.</summary>
    /// <exception cref="ModelException">The row is broken; the message names its line.</exception>
    public bool Read(TextRow row)
    {
        try
        {
            return Next(row);
        }
        catch (IOException e) when (e is not ModelException)
        {
            throw Unreadable(Path, e);
        }
    }

    public abstract void Dispose();

    protected abstract bool Next(TextRow row);

    protected ModelException NotUtf8(long line, Exception? inner = null) => new($"{Path}: line {line} is not UTF-8.", inner!);

    protected ModelException TooLong(long line) => new($"{Path}: the row that begins on line {line} is longer than {LongestRow} bytes.");

    private static ModelException Unreadable(string path, Exception e) => File.Exists(path)
        ? new ModelException($"{path}: cannot be read ({e.Message.TrimEnd('.')}).", e)
        : new ModelException($"{path}: there is no such file, expected a table of texts.", e);
}
