using System.Text.Json;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Tokenizers.Loading;

/// <summary>Vocabularies: a JSON object from token to id, or a token a line.</summary>
internal static class VocabularyReader
{
    /// <summary>Vocabularies and tokenizer.json files may be this large.</summary>
    public const long MaxBytes = 256 << 20;

    /// <summary>A JSON object from token to id.</summary>
    public static Dictionary<string, int> FromJson(string path, string place, JsonElement element)
    {
        if (element.ValueKind != JsonValueKind.Object) throw new ModelException($"{path}: \"{place}\" is a JSON {JsonNames.Of(element)}, expected an object from token to id.");
        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        var owners = new Dictionary<int, string>();
        foreach (JsonProperty entry in element.EnumerateObject())
        {
            string token = entry.Name;
            if (entry.Value.ValueKind != JsonValueKind.Number || !entry.Value.TryGetInt32(out int id) || id is < 0 or int.MaxValue)
                throw new ModelException($"{path}: token {Quoting.Quote(token)} of \"{place}\" is {Shorten(entry.Value.GetRawText())}, expected an id of 0 or more.");
            if (!vocabulary.TryAdd(token, id)) throw new ModelException($"{path}: token {Quoting.Quote(token)} stands in \"{place}\" twice, expected it once.");
            if (!owners.TryAdd(id, token))
                throw new ModelException($"{path}: tokens {Quoting.Quote(owners[id])} and {Quoting.Quote(token)} of \"{place}\" both have id {id}, expected one of its own for each.");
        }

        return vocabulary.Count > 0 ? vocabulary : throw new ModelException($"{path}: \"{place}\" is empty, expected tokens.");
    }

    /// <summary>A token a line; its number is its id. Of equal lines the last one counts, as in the reference.</summary>
    public static Dictionary<string, int> FromLines(string path)
    {
        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        string[] lines = ReadLines(path);
        for (int i = 0; i < lines.Length; i++) vocabulary[lines[i]] = i;
        return lines.Length > 0 ? vocabulary : throw new ModelException($"{path}: is empty, expected a token a line.");
    }

    /// <summary>Lines of a UTF-8 file without their ends; a file that ends with a line's end has no empty line after it.</summary>
    public static string[] ReadLines(string path)
    {
        try
        {
            if (new FileInfo(path).Length is > MaxBytes and long length) throw new ModelException($"{path}: has {length} bytes, expected at most {MaxBytes}.");
            return Utf8Lines.Split(File.ReadAllBytes(path));
        }
        catch (System.Text.DecoderFallbackException e)
        {
            throw new ModelException($"{path}: byte {e.Index} is not UTF-8, expected a text file.", e);
        }
        catch (Exception e) when (e is UnauthorizedAccessException || (e is IOException && e is not ModelException))
        {
            throw new ModelException($"{path}: cannot be read ({e.Message.TrimEnd('.')}).", e);
        }
    }

    private static string Shorten(string raw) => raw.Length <= 40 ? raw : $"{raw[..37]}…";
}
