using System.Text.Json;
using System.Text.Unicode;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Checkpoints;

/// <summary>A JSON file that says how a model is made. What it holds is untrusted; every complaint names the file and the key.</summary>
internal sealed class ConfigFile
{
    private const long MaxBytes = 16 << 20;

    private ConfigFile(string path, JsonElement root)
    {
        Path = path;
        Root = new ConfigSection(path, "", root);
    }

    public string Path { get; }

    public ConfigSection Root { get; }

    /// <summary>The first of some names beside a model's weights.</summary>
    /// <exception cref="ModelException">There is none.</exception>
    public static string FindBeside(string path, IReadOnlyList<string> names)
    {
        string directory = Directory.Exists(path) ? path : System.IO.Path.GetDirectoryName(path) ?? "";
        foreach (string name in names)
        {
            string file = System.IO.Path.Combine(directory, name);
            if (File.Exists(file)) return file;
        }

        throw new ModelException($"{path}: there is no {string.Join(" or ", names)} beside the weights, expected the model's config there or named apart.");
    }

    /// <exception cref="ModelException">The file cannot be read or is no JSON object.</exception>
    public static ConfigFile Open(string path, long maxBytes = MaxBytes) => new(path, Parse(path, maxBytes, JsonValueKind.Object));

    /// <summary>The objects of a JSON list.</summary>
    /// <exception cref="ModelException">The file cannot be read or is no JSON list of objects.</exception>
    public static IReadOnlyList<ConfigSection> OpenList(string path)
    {
        JsonElement root = Parse(path, MaxBytes, JsonValueKind.Array);
        var sections = new List<ConfigSection>();
        foreach (JsonElement element in root.EnumerateArray())
        {
            if (element.ValueKind != JsonValueKind.Object) throw new ModelException($"{path}: element {sections.Count} is a JSON {element.ValueKind.ToString().ToLowerInvariant()}, expected an object.");
            sections.Add(new ConfigSection(path, $"[{sections.Count}].", element));
        }

        return sections;
    }

    private static JsonElement Parse(string path, long maxBytes, JsonValueKind kind)
    {
        byte[] bytes;
        try
        {
            var info = new FileInfo(path);
            // A pipe would be waited for.
            if (OutputTarget.ComplaintOf(path) is { } complaint) throw new ModelException($"{path}: {complaint}, expected a JSON file.");
            if (!info.Exists) throw new ModelException($"{path}: there is no such file, expected the model's config.");
            if (info.Length > maxBytes) throw new ModelException($"{path}: the config has {info.Length} bytes, expected at most {maxBytes}.");
            bytes = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is UnauthorizedAccessException || (e is IOException && e is not ModelException))
        {
            throw new ModelException($"{path}: cannot be read ({e.Message.TrimEnd('.')}).", e);
        }

        try
        {
            RequireUnicode(path, bytes);
            using var document = JsonDocument.Parse(bytes, new JsonDocumentOptions { MaxDepth = 64 });
            if (document.RootElement.ValueKind != kind)
                throw new ModelException($"{path}: the config is a JSON {document.RootElement.ValueKind.ToString().ToLowerInvariant()}, expected an {kind.ToString().ToLowerInvariant()}.");
            return document.RootElement.Clone();
        }
        catch (JsonException e)
        {
            throw new ModelException($"{path}: the config is not valid JSON at line {e.LineNumber + 1}.", e);
        }
    }

    /// <summary>Every name and text is Unicode, so that reading one cannot fail later.</summary>
    private static void RequireUnicode(string path, byte[] bytes)
    {
        var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { MaxDepth = 64 });
        while (reader.Read())
        {
            if (reader.TokenType is not (JsonTokenType.String or JsonTokenType.PropertyName)) continue;
            bool isUnicode = Utf8.IsValid(reader.ValueSpan);
            try
            {
                if (isUnicode && reader.ValueIsEscaped) reader.GetString();
            }
            catch (InvalidOperationException)
            {
                isUnicode = false;
            }

            if (!isUnicode) throw new ModelException($"{path}: the text at byte {reader.TokenStartIndex} is not Unicode, expected UTF-8 without halves of surrogate pairs.");
        }
    }
}

/// <summary>An object inside a config. A key that is missing or null reads as null.</summary>
/// <param name="Path">The file, for messages.</param>
/// <param name="Place">Where the object stands: <c>vision_config.</c>, or nothing.</param>
/// <param name="Element">The object.</param>
internal readonly record struct ConfigSection(string Path, string Place, JsonElement Element)
{
    public string? Text(string key) => Find(key) is not { } value ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString()
        : throw Unexpected(key, value, "a text");

    public bool? Flag(string key) => Find(key) is not { } value ? null
        : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean()
        : throw Unexpected(key, value, "true or false");

    public double? Number(string key) => Find(key) is not { } value ? null
        : value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && double.IsFinite(number) ? number
        : throw Unexpected(key, value, "a number");

    /// <summary>A whole number of at least 1.</summary>
    public int? Size(string key) => Integer(key) is not { } value ? null
        : value >= 1 ? value : throw Unexpected(key, Find(key)!.Value, "a positive whole number");

    public int? Integer(string key) => Find(key) is not { } value ? null
        : value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) ? number
        : throw Unexpected(key, value, "a whole number");

    /// <summary>Height and width, from one number or from a list of two.</summary>
    public (int Height, int Width)? ImageSize(string key)
    {
        if (Find(key) is not { } value) return null;
        if (value.ValueKind != JsonValueKind.Array) return Size(key) is { } side ? (side, side) : null;
        if (value.GetArrayLength() == 2 && value[0].ValueKind == JsonValueKind.Number && value[1].ValueKind == JsonValueKind.Number
            && value[0].TryGetInt32(out int height) && value[1].TryGetInt32(out int width) && height >= 1 && width >= 1) return (height, width);
        throw Unexpected(key, value, "a side in pixels, or height and width");
    }

    public double[]? Numbers(string key)
    {
        if (Find(key) is not { } value) return null;
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() is 0 or > 4096) throw Unexpected(key, value, "a list of numbers");
        var numbers = new double[value.GetArrayLength()];
        for (int i = 0; i < numbers.Length; i++)
        {
            if (value[i].ValueKind != JsonValueKind.Number || !value[i].TryGetDouble(out numbers[i]) || !double.IsFinite(numbers[i]))
                throw Unexpected(key, value, "a list of numbers");
        }

        return numbers;
    }

    public ConfigSection? Section(string key) => Find(key) is not { } value ? null
        : value.ValueKind == JsonValueKind.Object ? new ConfigSection(Path, $"{Place}{key}.", value)
        : throw Unexpected(key, value, "an object");

    public bool Has(string key) => Find(key) is not null;

    /// <summary>True if the key is there with the value null.</summary>
    public bool IsNull(string key) => Element.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.Null;

    /// <summary>True if the value is a JSON list.</summary>
    public bool IsList(string key) => Find(key) is { ValueKind: JsonValueKind.Array };

    /// <summary>True if the value is a JSON object.</summary>
    public bool IsObject(string key) => Find(key) is { ValueKind: JsonValueKind.Object };

    /// <summary>The start of a sentence about a key: file and quoted key with the value.</summary>
    public string Describe(string key) => Find(key) is { } value ? $"{Path}: \"{Place}{key}\" is {Shorten(value)}" : $"{Path}: \"{Place}{key}\" is missing";

    private ModelException Unexpected(string key, JsonElement value, string expected) =>
        new($"{Path}: \"{Place}{key}\" is {Shorten(value)}, expected {expected}.");

    private static string Shorten(JsonElement value)
    {
        string raw = value.ValueKind == JsonValueKind.String ? Quoting.Quote(value.GetString() ?? "") : value.GetRawText();
        return raw.Length <= 80 ? raw : $"{raw[..77]}…";
    }

    private JsonElement? Find(string key) => Element.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;
}
