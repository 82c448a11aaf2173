using System.Text.Json;
using MergeEngine.Models.Checkpoints;
using MergeEngine.Models.Tokenizers.AddedTokens;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Tokenizers.Loading;

/// <summary>Added tokens as files spell them.</summary>
internal static class AddedTokenReader
{
    /// <summary>The list <c>added_tokens</c> of a tokenizer.json. A token of the vocabulary keeps its id there.</summary>
    public static List<AddedToken> ReadList(ConfigSection root, IReadOnlyDictionary<string, int> vocabulary)
    {
        var tokens = new List<AddedToken>();
        if (!root.Has("added_tokens")) return tokens;
        if (!root.IsList("added_tokens")) throw new ModelException($"{root.Describe("added_tokens")}, expected a list.");
        int index = 0;
        foreach (JsonElement element in root.Element.GetProperty("added_tokens").EnumerateArray())
        {
            string place = $"added_tokens[{index++}]";
            if (element.ValueKind != JsonValueKind.Object) throw new ModelException($"{root.Path}: \"{place}\" is a JSON {JsonNames.Of(element)}, expected an object.");
            var section = new ConfigSection(root.Path, $"{place}.", element);
            tokens.Add(Read(section, Id(section)));
        }

        return Settle(root.Path, tokens, vocabulary);
    }

    /// <summary>One token.</summary>
    public static AddedToken Read(ConfigSection section, int id)
    {
        string content = section.Text("content") ?? throw new ModelException($"{section.Describe("content")}, expected a text.");
        // The reference's own default: what is not special is looked for in normalised text.
        bool isSpecial = section.Flag("special") ?? false;
        return WithFlags(section, new AddedToken(content, id) { IsSpecial = isSpecial, IsNormalized = !isSpecial });
    }

    /// <summary>A token with the flags that are spelled out.</summary>
    public static AddedToken WithFlags(ConfigSection section, AddedToken token) => token with
    {
        IsNormalized = section.Flag("normalized") ?? token.IsNormalized,
        StripsLeft = section.Flag("lstrip") ?? token.StripsLeft,
        StripsRight = section.Flag("rstrip") ?? token.StripsRight,
        IsSingleWord = section.Flag("single_word") ?? token.IsSingleWord,
        IsSpecial = section.Flag("special") ?? token.IsSpecial,
    };

    /// <summary>Each spelling once, the last counts; each id for one spelling.</summary>
    public static List<AddedToken> Settle(string path, IEnumerable<AddedToken> tokens, IReadOnlyDictionary<string, int> vocabulary)
    {
        var bySpelling = new Dictionary<string, AddedToken>(StringComparer.Ordinal);
        foreach (AddedToken token in tokens)
        {
            if (token.Content.Length > 0)
                bySpelling[token.Content] = vocabulary.TryGetValue(token.Content, out int id) ? token with { Id = id } : token;
        }

        var owners = new Dictionary<int, string>();
        HashSet<int> known = [.. vocabulary.Values];
        foreach (AddedToken token in bySpelling.Values)
        {
            if (!owners.TryAdd(token.Id, token.Content) || (known.Contains(token.Id) && !vocabulary.ContainsKey(token.Content)))
                throw new ModelException($"{path}: the added token {Quoting.Quote(token.Content)} has id {token.Id}, which is another token's, expected one of its own.");
        }

        return [.. bySpelling.Values];
    }

    private static int Id(ConfigSection section) => section.Integer("id") is >= 0 and < int.MaxValue and int id ? id
        : throw new ModelException($"{section.Describe("id")}, expected an id of 0 or more.");
}
