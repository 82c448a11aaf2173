using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Files;

/// <summary>A value of a document that may be changed.</summary>
/// <param name="Scope">The parts of a model that it stands in: empty for the document itself, <c>text_config.</c> and the like for a part's own settings.</param>
/// <param name="Key">Its name there.</param>
/// <param name="Start">Where its first byte stands.</param>
/// <param name="Length">Its bytes.</param>
/// <param name="Kind">What it is.</param>
internal readonly record struct JsonSetting(string Scope, string Key, int Start, int Length, JsonTokenType Kind);

/// <summary>
/// A JSON document with some values changed and every other byte as it was: order, spaces, numbers of any length. Of the document only the values that are asked for are
/// held, so that memory follows what is sought and not what a file may hold.
/// </summary>
internal sealed class JsonEdits
{
    /// <summary>Parts of a model that have settings of their own.</summary>
    private static readonly string[] s_parts = ["encoder", "decoder", "text_encoder", "audio_encoder"];

    private static readonly JavaScriptEncoder s_encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;

    private readonly byte[] _bytes;
    private readonly SortedDictionary<int, (int Length, byte[] Value)> _edits = [];
    private readonly List<JsonSetting> _settings = [];
    private int _firstKey;

    private JsonEdits(string path, byte[] bytes) => (FilePath, _bytes) = (path, bytes);

    public string FilePath { get; }

    public IReadOnlyList<JsonSetting> Settings => _settings;

    public bool IsChanged => _edits.Count > 0;

    /// <summary>Reads a document whose root is an object.</summary>
    /// <param name="path">For messages.</param>
    /// <param name="bytes">UTF-8.</param>
    /// <param name="isSought">Whether a key's values are wanted, wherever it stands in the settings of the model or of a part of it.</param>
    /// <exception cref="SafetensorsException">It is no JSON object.</exception>
    public static JsonEdits Read(string path, byte[] bytes, Func<string, bool> isSought)
    {
        if (!Utf8.IsValid(bytes)) throw new SafetensorsException($"{path}: is not UTF-8, expected a JSON object with settings by name.");
        var document = new JsonEdits(path, bytes);
        try
        {
            var reader = new Utf8JsonReader(PythonNumbers(bytes));
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) throw new SafetensorsException($"{path}: holds no JSON object, expected settings by name.");
            document._firstKey = (int)reader.BytesConsumed;
            document.ReadObject(ref reader, "", isSought);
            if (reader.Read()) throw new SafetensorsException($"{path}: goes on after the JSON object.");
            return document;
        }
        catch (JsonException e)
        {
            throw new SafetensorsException($"{path}: is no valid JSON near its line {e.LineNumber + 1}, expected settings by name.", e);
        }
    }

    /// <summary>The settings of a name, in the document itself and in all parts.</summary>
    public IEnumerable<JsonSetting> All(params string[] keys) => _settings.Where(s => keys.Contains(s.Key));

    /// <summary>A value as it stands in the document.</summary>
    public JsonDocument Value(JsonSetting setting) => JsonDocument.Parse(PythonNumbers(_bytes.AsSpan(setting.Start, setting.Length).ToArray()));

    /// <summary>A value's text, before any change.</summary>
    public string TextOf(JsonSetting setting) => Encoding.UTF8.GetString(_bytes.AsSpan(setting.Start, setting.Length));

    /// <summary>A whole number; null for anything else.</summary>
    public long? Integer(JsonSetting setting) =>
        setting.Kind == JsonTokenType.Number && long.TryParse(_bytes.AsSpan(setting.Start, setting.Length), out long value) ? value : null;

    public void Set(JsonSetting setting, string json)
    {
        byte[] value = Encoding.UTF8.GetBytes(json);
        if (_bytes.AsSpan(setting.Start, setting.Length).SequenceEqual(value)) _edits.Remove(setting.Start);
        else _edits[setting.Start] = (setting.Length, value);
    }

    public void SetText(JsonSetting setting, string text) => Set(setting, Quoted(text));

    /// <summary>A new first setting of the document.</summary>
    public void Add(string key, string json)
    {
        string before = _edits.TryGetValue(_firstKey, out var earlier) ? Encoding.UTF8.GetString(earlier.Value) : "";
        int next = _firstKey;
        while (_bytes[next] is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t') next++;
        string space = Encoding.UTF8.GetString(_bytes.AsSpan(_firstKey, next - _firstKey));
        bool isLast = before.Length == 0 && _bytes[next] == '}';
        _edits[_firstKey] = (0, Encoding.UTF8.GetBytes($"{before}{(isLast ? "" : space)}{Quoted(key)}: {json}{(isLast ? "" : ",")}"));
    }

    public static string Quoted(string text) => $"\"{s_encoder.Encode(text)}\"";

    public byte[] ToBytes()
    {
        using var output = new MemoryStream(_bytes.Length + 256);
        int at = 0;
        foreach (var (start, (length, value)) in _edits)
        {
            output.Write(_bytes.AsSpan(at, start - at));
            output.Write(value);
            at = start + length;
        }

        output.Write(_bytes.AsSpan(at));
        return output.ToArray();
    }

    private void ReadObject(ref Utf8JsonReader reader, string scope, Func<string, bool> isSought)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            // Nothing that is sought has so long a name.
            string? key = reader.ValueSpan.Length <= 64 ? Text(ref reader) : null;
            reader.Read();
            if (key is not null && reader.TokenType == JsonTokenType.StartObject && IsPart(key))
            {
                ReadObject(ref reader, $"{scope}{key}.", isSought);
                continue;
            }

            int start = (int)reader.TokenStartIndex;
            JsonTokenType kind = reader.TokenType;
            reader.Skip();
            if (key is not null && isSought(key)) _settings.Add(new JsonSetting(scope, key, start, (int)reader.BytesConsumed - start, kind));
        }
    }

    private static string? Text(ref Utf8JsonReader reader)
    {
        try
        {
            return reader.GetString();
        }
        catch (InvalidOperationException)
        {
            // Half of a surrogate pair, which no key that is sought has.
            return null;
        }
    }

    private static bool IsPart(string key) => key.EndsWith("_config", StringComparison.Ordinal) ? key != "quantization_config" : s_parts.Contains(key);

    /// <summary>
    /// The same bytes with <c>NaN</c> and <c>Infinity</c>, which Python writes and JSON has not, as numbers of the same length, so that places stay. Only to find places: the
    /// document keeps what it says.
    /// </summary>
    private static byte[] PythonNumbers(byte[] bytes)
    {
        byte[] result = bytes;
        bool inText = false;
        for (int i = 0; i < bytes.Length; i++)
        {
            if (bytes[i] == '"') inText = !inText;
            else if (inText && bytes[i] == '\\') i++;
            else if (!inText && bytes[i] is (byte)'N' or (byte)'I')
            {
                ReadOnlySpan<byte> word = bytes[i] == 'N' ? "NaN"u8 : "Infinity"u8;
                if (!bytes.AsSpan(i).StartsWith(word)) continue;
                if (ReferenceEquals(result, bytes)) result = [.. bytes];
                result.AsSpan(i, word.Length).Fill((byte)'1');
                i += word.Length - 1;
            }
        }

        return result;
    }
}
