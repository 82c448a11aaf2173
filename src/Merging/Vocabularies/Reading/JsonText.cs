using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;

namespace MergeEngine.Merging.Vocabularies.Reading;

/// <summary>Untrusted JSON, read from the bytes of a file, and single values of it written.</summary>
internal static class JsonText
{
    private const int MaxDepth = 64;

    /// <summary>Reads a file of one object, property by property.</summary>
    /// <param name="bytes">The file.</param>
    /// <param name="path">What messages call it.</param>
    /// <param name="read">Called with every property's name and the reader at the first token of its value; leaves it at the last.</param>
    /// <exception cref="VocabularyException">It is no such JSON.</exception>
    public static void ReadObject(ReadOnlySpan<byte> bytes, string path, PropertyReader read)
    {
        if (!Utf8.IsValid(bytes)) throw new VocabularyException($"{path}: is not UTF-8, expected JSON.");
        var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { MaxDepth = MaxDepth });
        try
        {
            reader.Read();
            ReadObject(ref reader, path, "the file", read);
            reader.Read(); // Refuses anything but white space after the object.
        }
        catch (JsonException e)
        {
            throw new VocabularyException($"{path}: is not valid JSON of at most {MaxDepth} levels near its byte {reader.BytesConsumed}, expected one object.", e);
        }
        catch (InvalidOperationException e)
        {
            throw new VocabularyException($"{path}: holds half a surrogate pair near its byte {reader.BytesConsumed}, expected valid Unicode.", e);
        }
    }

    /// <summary>Reads the object at which a reader stands.</summary>
    public static void ReadObject(ref Utf8JsonReader reader, string path, string what, PropertyReader read)
    {
        if (reader.TokenType != JsonTokenType.StartObject) throw Unexpected(ref reader, path, what, "an object");
        var seen = new HashSet<string>(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            if (!seen.Add(name)) throw new VocabularyException($"{path}: {Tensors.Safetensors.Quoting.Quote(name)} stands twice in {what}, expected it once.");
            reader.Read();
            read(ref reader, name);
        }
    }

    /// <summary>An id: a whole number of 0 or more.</summary>
    public static int ReadId(ref Utf8JsonReader reader, string path, string token)
    {
        if (reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out int id) && id is >= 0 and < int.MaxValue) return id;
        throw Unexpected(ref reader, path, $"the token {Tensors.Safetensors.Quoting.Quote(token)}", "an id of 0 or more");
    }

    public static string ReadString(ref Utf8JsonReader reader, string path, string what) =>
        reader.TokenType == JsonTokenType.String ? reader.GetString()! : throw Unexpected(ref reader, path, what, "a string");

    public static bool ReadFlag(ref Utf8JsonReader reader, string path, string what) =>
        reader.TokenType is JsonTokenType.True or JsonTokenType.False ? reader.GetBoolean() : throw Unexpected(ref reader, path, what, "true or false");

    public static VocabularyException Unexpected(ref Utf8JsonReader reader, string path, string what, string expected)
    {
        string found = reader.TokenType switch
        {
            JsonTokenType.StartObject => "an object",
            JsonTokenType.StartArray => "a list",
            JsonTokenType.String => "a string",
            JsonTokenType.Null => "null",
            JsonTokenType.EndArray or JsonTokenType.EndObject => "missing",
            JsonTokenType.True or JsonTokenType.False => "true or false",
            _ => $"the number {Encoding.UTF8.GetString(reader.ValueSpan[..Math.Min(reader.ValueSpan.Length, 30)])}",
        };
        return new VocabularyException($"{path}: {what} is {found}, expected {expected}.");
    }

    /// <summary>A string as JSON writes it, with signs outside of ASCII as they are.</summary>
    public static string Write(string text) => $"\"{JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(text)}\"";

    /// <summary>Reads the value of a property.</summary>
    internal delegate void PropertyReader(ref Utf8JsonReader reader, string name);
}
