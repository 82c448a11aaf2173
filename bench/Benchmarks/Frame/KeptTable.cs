using System.Text.Json;

namespace MergeEngine.Benchmarks.Frame;

/// <summary>Rows of a table that <see cref="ResultTable{T}"/> has kept.</summary>
internal sealed class KeptTable
{
    private readonly JsonElement[] _rows;

    private KeptTable(string name, JsonElement[] rows) => (Name, _rows) = (name, rows);

    public string Name { get; }

    /// <returns>Null if the directory does not hold the table, or holds it in another form.</returns>
    /// <exception cref="FormatException">The file is no JSON document.</exception>
    public static KeptTable? Read(string directory, string name)
    {
        string file = Path.Combine(directory, $"{name}.json");
        if (!File.Exists(file)) return null;
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(file));
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("results", out JsonElement rows) && rows.ValueKind == JsonValueKind.Array
                ? new KeptTable(name, [.. rows.EnumerateArray().Select(row => row.Clone())])
                : null;
        }
        catch (JsonException exception)
        {
            throw new FormatException($"{file} is not a table of a run: {exception.Message}", exception);
        }
    }

    /// <summary>A number of every row that is asked for, from the smallest to the largest; rows without it count for nothing.</summary>
    /// <param name="path">Its name, or names from the outside in with a dot between.</param>
    /// <param name="isWanted">Which rows.</param>
    public double[] Numbers(string path, Func<JsonElement, bool> isWanted) =>
        [.. _rows.Where(isWanted).Select(row => At(row, path)).Where(value => value is { ValueKind: JsonValueKind.Number }).Select(value => value!.Value.GetDouble()).Order()];

    /// <summary>The largest number of that name; 0 if there is none.</summary>
    public double Largest(string path) => Numbers(path, _ => true) is [.., var last] ? last : 0;

    /// <summary>Whether a row says this.</summary>
    public static bool Says(JsonElement row, string path, string text) => At(row, path) is { ValueKind: JsonValueKind.String } value && value.GetString() == text;

    /// <summary>A row's number; not a number where it has none.</summary>
    public static double Number(JsonElement row, string path) => At(row, path) is { ValueKind: JsonValueKind.Number } value ? value.GetDouble() : double.NaN;

    private static JsonElement? At(JsonElement row, string path)
    {
        foreach (string name in path.Split('.'))
        {
            if (row.ValueKind != JsonValueKind.Object || !row.TryGetProperty(name, out row)) return null;
        }

        return row;
    }
}
