using System.Collections.ObjectModel;
using System.Globalization;
using System.Text.Json;
using System.Text.Unicode;

namespace MergeEngine.Tensors.Safetensors;

/// <summary>
/// A Hugging Face index, <c>{"metadata": {"total_size": n}, "weight_map": {tensor: shard}}</c>: which file of a directory holds which
/// tensor. Shard names are untrusted and must be plain names of <c>.safetensors</c> files, so that none leads out of the directory or back to an index.
/// </summary>
/// <remarks>Fields besides these two, at the top or in <c>metadata</c>, are skipped: writers add their own.</remarks>
public sealed class ShardedIndex
{
    /// <summary>The usual name of an index.</summary>
    public const string FileName = "model.safetensors.index.json";

    /// <summary>The largest index that is read, in bytes; the same bound as a header's.</summary>
    public const long MaxByteLength = SafetensorsHeader.MaxByteLength;

    private ShardedIndex(string path, Dictionary<string, string> weightMap, string? totalSize)
    {
        FilePath = path;
        WeightMap = new ReadOnlyDictionary<string, string>(weightMap);
        Shards = [.. weightMap.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        TotalSizeText = totalSize;
    }

    public string FilePath { get; }

    /// <summary>Tensor name to shard file name.</summary>
    public ReadOnlyDictionary<string, string> WeightMap { get; }

    /// <summary>The names of the shards, each once, in ordinal order.</summary>
    public IReadOnlyList<string> Shards { get; }

    /// <summary>What the file says of the total size, as it stands there; null where it says nothing.</summary>
    public string? TotalSizeText { get; }

    /// <summary>The total size in bytes, where the file gives one as a number or as a string of one; writers disagree on what it counts.</summary>
    public long? TotalSize =>
        double.TryParse(TotalSizeText, NumberStyles.Float, CultureInfo.InvariantCulture, out double size) && size >= 0 && size < long.MaxValue
            ? long.TryParse(TotalSizeText, NumberStyles.None, CultureInfo.InvariantCulture, out long exact) ? exact : (long)size
            : null;

    /// <summary>Reads and checks an index file.</summary>
    /// <exception cref="SafetensorsException">The file cannot be read or breaks a rule.</exception>
    public static ShardedIndex Open(string path)
    {
        using var handle = RegularFile.OpenRead(path, "a safetensors index");
        long length = RandomAccess.GetLength(handle);
        if (length > MaxByteLength) throw new SafetensorsException($"{path}: the index is {length} bytes long, expected at most {MaxByteLength}.");
        var json = new byte[length];
        int read = RandomAccess.Read(handle, json, 0);
        if (read != length) throw new SafetensorsException($"{path}: the file ends at byte {read}, but held {length} when it was opened.");
        return Parse(json, path);
    }

    /// <summary>Checks an index; <paramref name="file"/> is what messages call it.</summary>
    /// <exception cref="SafetensorsException">The index breaks a rule.</exception>
    public static ShardedIndex Parse(ReadOnlySpan<byte> json, string file)
    {
        if (json.IsEmpty) throw new SafetensorsException($"{file}: the index is empty, expected a JSON object.");
        if (!Utf8.IsValid(json)) throw new SafetensorsException($"{file}: the index is not UTF-8.");
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 64 });
        try
        {
            return Read(ref reader, file);
        }
        catch (JsonException e)
        {
            throw new SafetensorsException($"{file}: the index is not valid JSON near its byte {reader.BytesConsumed}, expected one object with a weight_map.", e);
        }
        catch (InvalidOperationException e)
        {
            throw new SafetensorsException($"{file}: the index holds half a surrogate pair near its byte {reader.BytesConsumed}, expected valid Unicode.", e);
        }
    }

    private static ShardedIndex Read(ref Utf8JsonReader reader, string file)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject) throw new SafetensorsException($"{file}: the index is no JSON object.");
        Dictionary<string, string>? map = null;
        string? totalSize = null;
        var seen = new HashSet<string>(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            if (!seen.Add(key)) throw new SafetensorsException($"{file}: {Quoting.Quote(key)} stands twice in the index.");
            reader.Read();
            if (key == "weight_map") map = ReadWeightMap(ref reader, file);
            else if (key == "metadata" && reader.TokenType == JsonTokenType.StartObject) totalSize = ReadTotalSize(ref reader, file);
            else reader.Skip();
        }

        reader.Read(); // Refuses anything but white space after the object.
        return map is null
            ? throw new SafetensorsException($"{file}: the index has no weight_map.")
            : new ShardedIndex(file, map, totalSize);
    }

    private static Dictionary<string, string> ReadWeightMap(ref Utf8JsonReader reader, string file)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
            throw new SafetensorsException($"{file}: weight_map is not an object, expected one that maps tensor names to shard names.");
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string tensor = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String)
                throw new SafetensorsException($"{file}: the shard of tensor {Quoting.Quote(tensor)} is not a string, expected a file name.");
            string shard = reader.GetString()!;
            if (!IsPlainName(shard))
            {
                throw new SafetensorsException(
                    $"{file}: tensor {Quoting.Quote(tensor)} is said to be in {Quoting.Quote(shard)}, expected the plain name of a .safetensors file in the same directory.");
            }

            if (!map.TryAdd(tensor, shard)) throw new SafetensorsException($"{file}: tensor {Quoting.Quote(tensor)} stands twice in weight_map.");
        }

        return map.Count > 0 ? map : throw new SafetensorsException($"{file}: weight_map is empty.");
    }

    private static string? ReadTotalSize(ref Utf8JsonReader reader, string file)
    {
        string? size = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            bool wanted = reader.ValueTextEquals("total_size"u8);
            reader.Read();
            if (!wanted)
            {
                reader.Skip();
                continue;
            }

            if (size is not null) throw new SafetensorsException($"{file}: total_size stands twice in the index.");
            size = reader.TokenType switch
            {
                JsonTokenType.String => reader.GetString()!,
                JsonTokenType.Number => System.Text.Encoding.ASCII.GetString(reader.ValueSpan),
                _ => $"{reader.TokenType}",
            };
            reader.Skip();
        }

        return size;
    }

    /// <summary>No separator of any system, no drive or stream colon, nothing invisible, and the extension that keeps an index from naming an index.</summary>
    private static bool IsPlainName(string name) =>
        name.EndsWith(".safetensors", StringComparison.Ordinal) && name.Length > ".safetensors".Length
        && !name.AsSpan().ContainsAny("/\\:") && !name.Any(char.IsControl);
}
