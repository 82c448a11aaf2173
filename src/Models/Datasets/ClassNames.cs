using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace MergeEngine.Models.Datasets;

/// <summary>Names of classes as files keep them: a JSON list in a safetensors file's metadata, of data and of heads alike.</summary>
internal static class ClassNames
{
    /// <summary>The metadata's key.</summary>
    public const string Key = "classes";

    /// <summary>Reads the list.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="key">The metadata's key, for messages.</param>
    /// <param name="json">The list.</param>
    /// <exception cref="ModelException">It is no list of names, or an empty one.</exception>
    public static IReadOnlyList<string> Parse(string path, string key, string json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            if (document.RootElement.ValueKind == JsonValueKind.Array)
            {
                var classes = new List<string>();
                foreach (JsonElement element in document.RootElement.EnumerateArray())
                {
                    if (element.ValueKind != JsonValueKind.String) break;
                    classes.Add(element.GetString()!);
                }

                if (classes.Count == document.RootElement.GetArrayLength() && classes.Count > 0) return classes;
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // No JSON, or half a surrogate pair in a name: the same sentence as for JSON of another kind.
        }

        throw new ModelException($"{path}: the metadata {Tensors.Safetensors.Quoting.Quote(key)} is {Tensors.Safetensors.Quoting.Quote(json)}, expected a JSON list of names.");
    }

    /// <summary>The list that <see cref="Parse"/> reads.</summary>
    public static string ToJson(IEnumerable<string> names)
    {
        var bytes = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(bytes))
        {
            writer.WriteStartArray();
            foreach (string name in names) writer.WriteStringValue(name);
            writer.WriteEndArray();
        }

        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    /// <summary>True for 0, 1, 2 …: labels without names.</summary>
    public static bool AreNumbers(IReadOnlyList<string> names)
    {
        for (int i = 0; i < names.Count; i++)
        {
            if (names[i] != i.ToString(CultureInfo.InvariantCulture)) return false;
        }

        return true;
    }
}
