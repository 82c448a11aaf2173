using System.Text.Json;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Adapters;

/// <summary>The values of an <c>adapter_config.json</c>, which is untrusted. A key that is missing or null reads as null.</summary>
internal sealed class AdapterConfigFile
{
    public const string Name = "adapter_config.json";

    private const long MostBytes = 16 << 20;

    private readonly JsonElement _root;

    private AdapterConfigFile(string path, JsonElement root) => (Path, _root) = (path, root);

    public string Path { get; }

    /// <exception cref="AdapterException">The file cannot be read or is no JSON object.</exception>
    public static AdapterConfigFile Open(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(ReadBytes(path), new JsonDocumentOptions { MaxDepth = 32 });
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? new AdapterConfigFile(path, document.RootElement.Clone())
                : throw new AdapterException($"{path}: is a JSON {document.RootElement.ValueKind.ToString().ToLowerInvariant()}, expected the object that describes an adapter.");
        }
        catch (JsonException e)
        {
            throw new AdapterException($"{path}: is not valid JSON at line {e.LineNumber + 1}, expected the object that describes an adapter.", e);
        }
        catch (Exception e) when (e is UnauthorizedAccessException || (e is IOException && e is not AdapterException))
        {
            throw new AdapterException($"{path}: cannot be read ({e.Message.TrimEnd('.')}), expected the file that describes an adapter.", e);
        }
    }

    public string? Text(string key) => Find(key) is not { } value ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString()
        : throw Unexpected(key, value, "a text");

    public bool IsText(string key) => Find(key) is { ValueKind: JsonValueKind.String };

    public bool? Flag(string key) => Find(key) is not { } value ? null
        : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean()
        : throw Unexpected(key, value, "true or false");

    public double? Number(string key) => Find(key) is not { } value ? null
        : value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && double.IsFinite(number) ? number
        : throw Unexpected(key, value, "a number");

    public int? Integer(string key) => Find(key) is not { } value ? null
        : value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) ? number
        : throw Unexpected(key, value, "a whole number");

    public IReadOnlyList<string> Texts(string key)
    {
        if (Find(key) is not { } value) return [];
        if (value.ValueKind != JsonValueKind.Array || value.EnumerateArray().Any(e => e.ValueKind != JsonValueKind.String)) throw Unexpected(key, value, "a list of texts");
        return [.. value.EnumerateArray().Select(e => e.GetString()!)];
    }

    public ModulePatterns Patterns(string key) => Find(key) is { } value ? ModulePatterns.Read(Path, key, value) : ModulePatterns.None;

    /// <summary>Whether a feature is asked for: the value is neither missing nor null, false, 0 or empty.</summary>
    public bool Asks(string key) => Find(key) is { } value && value.ValueKind switch
    {
        JsonValueKind.False => false,
        JsonValueKind.Number => !value.TryGetDouble(out double number) || number != 0,
        JsonValueKind.String => value.GetRawText().Length > 2,
        JsonValueKind.Array => value.GetArrayLength() > 0,
        JsonValueKind.Object => value.EnumerateObject().Any(),
        _ => true,
    };

    /// <summary>A value as a message shows it.</summary>
    public static string Shorten(JsonElement value)
    {
        string raw = value.GetRawText();
        return Quoting.Quote(raw.Length <= 80 ? raw : $"{raw[..77]}...");
    }

    private AdapterException Unexpected(string key, JsonElement value, string expected) => new($"{Path}: \"{key}\" is {Shorten(value)}, expected {expected}.");

    private JsonElement? Find(string key) => _root.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static byte[] ReadBytes(string path)
    {
        if (OutputTarget.ComplaintOf(path) is { } complaint) throw new AdapterException($"{path}: {complaint}, expected the file that describes an adapter.");
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1);
        if (stream.Length > MostBytes) throw new AdapterException($"{path}: has {stream.Length} bytes, expected at most {MostBytes}.");
        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
