using System.Text.Json;
using MergeEngine.Models.Checkpoints;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Tokenizers.Loading;

/// <summary>Merges: pairs, or texts with one space, in the order of their ranks.</summary>
internal static class MergeReader
{
    /// <summary>The list of a tokenizer.json.</summary>
    public static List<(int Left, int Right, int Result)> FromJson(ConfigSection model, IReadOnlyDictionary<string, int> vocabulary, string prefix)
    {
        if (!model.IsList("merges")) throw new ModelException($"{model.Describe("merges")}, expected a list.");
        var merges = new List<(int, int, int)>();
        foreach (JsonElement element in model.Element.GetProperty("merges").EnumerateArray())
        {
            string place = $"{model.Path}: \"{model.Place}merges[{merges.Count}]\"";
            (string left, string right) = Pair(element) ?? throw new ModelException($"{place} is no pair, expected two texts, or one with a space between them.");
            merges.Add(Resolve(place, left, right, vocabulary, prefix));
        }

        return merges;
    }

    /// <summary>The lines of a merges.txt. Lines that begin with <c>#</c> may be merges; only <c>#version</c> is not.</summary>
    public static List<(int Left, int Right, int Result)> FromLines(string path, IReadOnlyDictionary<string, int> vocabulary)
    {
        var merges = new List<(int, int, int)>();
        string[] lines = VocabularyReader.ReadLines(path);
        for (int i = 0; i < lines.Length; i++)
        {
            bool isBlankEnd = lines[i].Length == 0 && i == lines.Length - 1;
            if (isBlankEnd || lines[i].StartsWith("#version", StringComparison.Ordinal)) continue;
            string place = $"{path}: line {i + 1}";
            (string left, string right) = Split(lines[i]) ?? throw new ModelException($"{place} is {Quoting.Quote(lines[i])}, expected two tokens with a space between them.");
            merges.Add(Resolve(place, left, right, vocabulary, ""));
        }

        return merges;
    }

    private static (string Left, string Right)? Pair(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.String => JsonNames.Text(element) is { } text ? Split(text) : null,
        JsonValueKind.Array when element.GetArrayLength() == 2 && JsonNames.Text(element[0]) is { } left && JsonNames.Text(element[1]) is { } right => (left, right),
        _ => null,
    };

    private static (string Left, string Right)? Split(string text)
    {
        int space = text.IndexOf(' ');
        return space >= 0 && text.IndexOf(' ', space + 1) < 0 ? (text[..space], text[(space + 1)..]) : null;
    }

    private static (int Left, int Right, int Result) Resolve(string place, string left, string right, IReadOnlyDictionary<string, int> vocabulary, string prefix)
    {
        if (right.Length < prefix.Length) throw new ModelException($"{place} merges {Quoting.Quote(right)}, expected it to begin with {Quoting.Quote(prefix)}.");
        return (IdOf(left), IdOf(right), IdOf(left + right[prefix.Length..]));

        int IdOf(string token) => vocabulary.TryGetValue(token, out int id) ? id
            : throw new ModelException($"{place} needs {Quoting.Quote(token)}, which is not in the vocabulary, expected merges of known tokens.");
    }
}
