using System.Globalization;
using System.Text;
using CsvHelper;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Datasets.Tables;

/// <summary>
/// A CSV file with the quoting of RFC 4180, or a TSV file, whose fields are the bytes between two tabs (text/tab-separated-values has no
/// quoting). Every row has as many columns as the first; empty lines are passed over.
/// </summary>
internal sealed class DelimitedTable : TextTable
{
    private readonly CsvReader _reader;
    private readonly int[] _fields;
    private readonly bool _hasHeader;
    private readonly int _columns;
    private CsvMalformedRecord? _malformed;

    public DelimitedTable(string path, TextColumns columns, bool quoted)
        : base(path)
    {
        _reader = CsvReader.Create(
            new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read),
            new CsvReaderOptions
            {
                Mode = quoted ? CsvMode.Rfc4180 : CsvMode.NoEscape,
                Separator = quoted ? ',' : '\t',
                HasHeader = false,
                SkipEmptyLines = true,
                TrimWhitespace = false,
                DetectSeparatorHint = false,
                TrackLineNumbers = true,
                MaxRecordSize = LongestRow,
                MalformedData = CsvMalformedDataHandling.Recover,
                OnMalformedRecord = record => _malformed ??= record,
            });
        try
        {
            _hasHeader = columns.HasHeader;
            if (!ReadRecord()) throw new ModelException($"{path}: is empty, expected a table of texts.");
            _columns = _reader.FieldCount;
            _fields = [.. columns.Wanted.Select(column => column is null ? -1 : _hasHeader ? Named(column) : Numbered(column))];
        }
        catch
        {
            _reader.Dispose();
            throw;
        }

        // Without names on it the first line is a row, and has been read already.
        FirstIsRow = !_hasHeader;
    }

    private bool FirstIsRow { get; set; }

    public override void Dispose() => _reader.Dispose();

    protected override bool Next(TextRow row)
    {
        if (!FirstIsRow && !ReadRecord()) return false;
        FirstIsRow = false;
        row.Line = _reader.LineNumber;
        if (_reader.FieldCount != _columns)
            throw new ModelException($"{Path}: line {row.Line} has {Counting.Of(_reader.FieldCount, "column")}, expected {_columns} as the first line has.");
        for (int i = 0; i < _fields.Length; i++) row.Values[i] = _fields[i] < 0 ? null : Field(_fields[i]);
        return true;
    }

    private bool ReadRecord()
    {
        try
        {
            bool read = _reader.Read();
            return _malformed is { } record ? throw new ModelException($"{Path}: line {record.LineNumber} {Fault(record.Reason)}.") : read;
        }
        catch (CsvFormatException e)
        {
            // Nothing else is thrown where malformed rows are recovered.
            throw TooLong(e.LineNumber);
        }
    }

    private static string Fault(CsvMalformedReason reason) => reason switch
    {
        CsvMalformedReason.UnterminatedQuote => "begins a quoted field that is never closed, expected a \" at its end",
        CsvMalformedReason.StrayQuote => "has a \" inside a field that does not begin with one, expected the field in quotes and \"\" for it",
        CsvMalformedReason.TextAfterClosingQuote => "goes on after a field's closing \", expected a comma or the end of the line",
        _ => "is no row of a CSV file",
    };

    private string Field(int index)
    {
        try
        {
            return StrictUtf8.GetString(_reader.GetSpan(index));
        }
        catch (DecoderFallbackException e)
        {
            throw NotUtf8(_reader.LineNumber, e);
        }
    }

    private int Named(string column)
    {
        string[] names = [.. Enumerable.Range(0, _columns).Select(Field)];
        int index = Array.IndexOf(names, column);
        if (index < 0) throw new ModelException($"{Path}: there is no column {Quoting.Quote(column)} on the first line, expected one of {Quoting.QuoteSome(names)}; --no-header says that the first line is a row too, and columns are numbers from 1.");
        return Array.LastIndexOf(names, column) == index ? index : throw new ModelException($"{Path}: the column {Quoting.Quote(column)} stands twice on the first line.");
    }

    private int Numbered(string column)
    {
        if (!int.TryParse(column, NumberStyles.None, CultureInfo.InvariantCulture, out int number) || number < 1)
            throw new ModelException($"{Path}: the column is called {Quoting.Quote(column)}, expected a number from 1 as the table is said to have no line of names.");
        return number <= _columns ? number - 1 : throw new ModelException($"{Path}: there is no column {number}, as the first line has {Counting.Of(_columns, "column")}.");
    }
}
