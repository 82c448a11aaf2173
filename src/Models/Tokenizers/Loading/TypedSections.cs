using System.Text.Json;
using MergeEngine.Models.Checkpoints;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Tokenizers.Loading;

/// <summary>Parts of a tokenizer.json that name their kind, and may be sequences of such.</summary>
internal static class TypedSections
{
    /// <summary>The parts under a key in order, sequences taken apart; none if it is missing or null.</summary>
    /// <param name="root">What holds the key.</param>
    /// <param name="key">Such as <c>normalizer</c>.</param>
    /// <param name="list">What a sequence calls its list.</param>
    public static List<(string Kind, ConfigSection Section)> Flatten(ConfigSection root, string key, string list)
    {
        var parts = new List<(string, ConfigSection)>();
        if (root.Section(key) is { } section) Add(section, list, parts);
        return parts;
    }

    private static void Add(ConfigSection section, string list, List<(string, ConfigSection)> parts)
    {
        string kind = section.Text("type") ?? throw new ModelException($"{section.Describe("type")}, expected the name of a kind.");
        if (kind != "Sequence")
        {
            parts.Add((kind, section));
            return;
        }

        if (!section.IsList(list)) throw new ModelException($"{section.Describe(list)}, expected a list.");
        int index = 0;
        foreach (JsonElement element in section.Element.GetProperty(list).EnumerateArray())
        {
            string place = $"{section.Place}{list}[{index++}]";
            if (element.ValueKind != JsonValueKind.Object) throw new ModelException($"{section.Path}: \"{place}\" is a JSON {JsonNames.Of(element)}, expected an object.");
            Add(new ConfigSection(section.Path, $"{place}.", element), list, parts);
        }
    }

    /// <summary>The sentence that refuses a kind.</summary>
    public static ModelException Unknown(ConfigSection section, string kind, string expected) =>
        new($"{section.Path}: \"{section.Place}type\" is {Quoting.Quote(kind)}, expected {expected}.");
}
