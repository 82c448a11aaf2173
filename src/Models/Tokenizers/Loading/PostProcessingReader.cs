using System.Text.Json;
using MergeEngine.Models.Checkpoints;
using MergeEngine.Models.Tokenizers.Templates;

namespace MergeEngine.Models.Tokenizers.Loading;

/// <summary>What is put around texts.</summary>
internal static class PostProcessingReader
{
    private const string Key = "post_processor";

    public static PostProcessing Read(ConfigSection root)
    {
        PostProcessing? result = null;
        OffsetTrimming trimming = default;
        foreach ((string kind, ConfigSection section) in TypedSections.Flatten(root, Key, "processors"))
        {
            if (kind == "ByteLevel")
            {
                if (Trimming(section) is { IsOn: true } more) trimming = more;
                continue;
            }

            if (result is not null) throw new ModelException($"{root.Path}: \"{Key}\" puts tokens around a text twice, expected one template.");
            result = kind switch
            {
                "TemplateProcessing" => Template(section),
                "BertProcessing" => PostProcessing.Bert(Mark(section, "cls"), Mark(section, "sep")),
                "RobertaProcessing" => PostProcessing.Roberta(Mark(section, "cls"), Mark(section, "sep"), Trimming(section)),
                _ => throw TypedSections.Unknown(section, kind, "TemplateProcessing, BertProcessing, RobertaProcessing or ByteLevel"),
            };
        }

        result ??= PostProcessing.None;
        return trimming.IsOn && !result.Trimming.IsOn ? result with { Trimming = trimming } : result;
    }

    private static OffsetTrimming Trimming(ConfigSection section) => new(section.Flag("trim_offsets") ?? true, section.Flag("add_prefix_space") ?? true);

    /// <summary>A token and its id: <c>["&lt;/s&gt;", 2]</c>.</summary>
    private static int Mark(ConfigSection section, string key)
    {
        bool isPair = section.IsList(key) && section.Element.GetProperty(key).GetArrayLength() == 2;
        return isPair && IsId(section.Element.GetProperty(key)[1], out int id) ? id
            : throw new ModelException($"{section.Describe(key)}, expected a token and its id.");
    }

    private static PostProcessing Template(ConfigSection section)
    {
        Dictionary<string, int[]> special = Special(section);
        SequenceTemplate single = Pieces(section, "single", special), pair = Pieces(section, "pair", special);
        if (single.Pieces.All(piece => piece.Part != TemplatePart.First) || single.Pieces.Any(piece => piece.Part == TemplatePart.Second))
            throw new ModelException($"{section.Describe("single")}, expected one sequence A.");
        if (pair.Pieces.All(piece => piece.Part != TemplatePart.First) || pair.Pieces.All(piece => piece.Part != TemplatePart.Second))
            throw new ModelException($"{section.Describe("pair")}, expected the sequences A and B.");
        return new PostProcessing(single, pair, default);
    }

    private static Dictionary<string, int[]> Special(ConfigSection section)
    {
        var special = new Dictionary<string, int[]>(StringComparer.Ordinal);
        if (section.Section("special_tokens") is not { } tokens) return special;
        foreach (JsonProperty entry in tokens.Element.EnumerateObject())
        {
            ConfigSection token = tokens.Section(entry.Name) ?? throw new ModelException($"{tokens.Describe(entry.Name)}, expected an object.");
            if (!token.IsList("ids")) throw new ModelException($"{token.Describe("ids")}, expected a list of ids.");
            special[entry.Name] = [.. token.Element.GetProperty("ids").EnumerateArray().Select(id => IsId(id, out int value) ? value
                : throw new ModelException($"{token.Describe("ids")}, expected a list of ids."))];
        }

        return special;
    }

    private static SequenceTemplate Pieces(ConfigSection section, string key, Dictionary<string, int[]> special)
    {
        if (!section.IsList(key)) throw new ModelException($"{section.Describe(key)}, expected a list of pieces.");
        var pieces = new List<TemplatePiece>();
        int index = 0;
        foreach (JsonElement element in section.Element.GetProperty(key).EnumerateArray())
        {
            string place = $"{section.Place}{key}[{index++}]";
            if (element.ValueKind != JsonValueKind.Object) throw new ModelException($"{section.Path}: \"{place}\" is a JSON {JsonNames.Of(element)}, expected an object.");
            var piece = new ConfigSection(section.Path, $"{place}.", element);
            ConfigSection part = piece.Section("SpecialToken") ?? piece.Section("Sequence") ?? throw new ModelException($"{section.Path}: \"{place}\" is neither a SpecialToken nor a Sequence, expected one of them.");
            int type = part.Integer("type_id") ?? 0;
            string name = part.Text("id") ?? throw new ModelException($"{part.Describe("id")}, expected a text.");
            if (type < 0) throw new ModelException($"{part.Describe("type_id")}, expected 0 or more.");
            if (!piece.Has("SpecialToken"))
                pieces.Add(name switch
                {
                    "A" => TemplatePiece.First(type),
                    "B" => TemplatePiece.Second(type),
                    _ => throw new ModelException($"{part.Describe("id")}, expected A or B."),
                });
            else if (special.TryGetValue(name, out int[]? ids)) pieces.AddRange(ids.Select(id => TemplatePiece.Special(id, type)));
            else throw new ModelException($"{part.Describe("id")}, which is not in \"special_tokens\", expected one of those.");
        }

        return new SequenceTemplate([.. pieces]);
    }

    private static bool IsId(JsonElement element, out int id)
    {
        id = 0;
        return element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out id) && id is >= 0 and < int.MaxValue;
    }
}
