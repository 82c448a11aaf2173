using System.Text.Json;
using System.Text.Unicode;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Datasets.Tables;

/// <summary>JSON lines: an object on each line, whose keys are the columns. Labels and splits may be numbers. Empty lines are passed over.</summary>
internal sealed class JsonLinesTable : TextTable
{
    private readonly ByteLines _lines;
    private readonly string?[] _wanted;

    public JsonLinesTable(string path, TextColumns columns)
        : base(path)
    {
        _wanted = columns.Wanted;
        _lines = new ByteLines(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read), LongestRow);
    }

    public override void Dispose() => _lines.Dispose();

    protected override bool Next(TextRow row)
    {
        ReadOnlySpan<byte> line;
        do
        {
            if (!_lines.Read(out line)) return _lines.IsTooLong ? throw TooLong(_lines.Number) : false;
        }
        while (line.Trim(" \t\r"u8).IsEmpty);
        row.Line = _lines.Number;
        if (!Utf8.IsValid(line)) throw NotUtf8(row.Line);
        Array.Clear(row.Values);
        try
        {
            ReadObject(line, row);
        }
        catch (JsonException e)
        {
            throw new ModelException($"{Path}: line {row.Line} is no JSON object (byte {e.BytePositionInLine}).", e);
        }
        catch (InvalidOperationException e)
        {
            throw new ModelException($"{Path}: line {row.Line} has a text that is not Unicode, expected no half of a surrogate pair alone.", e);
        }

        for (int i = 0; i < _wanted.Length; i++)
        {
            if (_wanted[i] is { } column && row.Values[i] is null) throw new ModelException($"{Path}: line {row.Line} has no {Quoting.Quote(column)}.");
        }

        return true;
    }

    private void ReadObject(ReadOnlySpan<byte> line, TextRow row)
    {
        var reader = new Utf8JsonReader(line);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) throw new ModelException($"{Path}: line {row.Line} is no JSON object.");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            // One key may be wanted for two things.
            string key = reader.GetString()!;
            reader.Read();
            bool isText = key == _wanted[0] || key == _wanted[1];
            string? value = null;
            for (int i = 0; i < _wanted.Length; i++)
            {
                if (key != _wanted[i]) continue;
                if (row.Values[i] is not null) throw new ModelException($"{Path}: line {row.Line} has {Quoting.Quote(key)} twice.");
                row.Values[i] = value ??= Value(ref reader, key, isText, row.Line);
            }

            reader.Skip();
        }

        // What follows the object, if anything, is refused by the reader.
        reader.Read();
    }

    private string? Value(ref Utf8JsonReader reader, string key, bool isText, long line) => reader.TokenType switch
    {
        JsonTokenType.String => reader.GetString(),
        JsonTokenType.Null => null,
        JsonTokenType.Number when !isText => System.Text.Encoding.ASCII.GetString(reader.ValueSpan),
        _ => throw new ModelException($"{Path}: {Quoting.Quote(key)} on line {line} is {Kind(reader.TokenType)}, expected {(isText ? "a text" : "a text or a number")}."),
    };

    private static string Kind(JsonTokenType type) => type switch
    {
        JsonTokenType.Number => "a number",
        JsonTokenType.StartArray => "a list",
        JsonTokenType.StartObject => "an object",
        _ => "true or false",
    };
}
