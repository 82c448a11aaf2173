using MergeEngine.Models.Checkpoints;
using MergeEngine.Models.Tokenizers.Splitting;

namespace MergeEngine.Models.Tokenizers.Loading;

/// <summary>How words are cut: the pre-tokenizers of the three kinds.</summary>
internal static class SplitterReader
{
    private const string Key = "pre_tokenizer";

    public static WordSplitter Read(ConfigSection root, bool isWordPiece)
    {
        List<(string Kind, ConfigSection Section)> parts = TypedSections.Flatten(root, Key, "pretokenizers");
        if (parts.Count == 0) throw new ModelException($"{root.Describe(Key)}, expected {(isWordPiece ? "BertPreTokenizer" : "ByteLevel")}.");
        foreach ((string kind, ConfigSection section) in parts)
        {
            bool isKnown = isWordPiece ? kind == "BertPreTokenizer" : kind is "Split" or "ByteLevel";
            if (!isKnown) throw TypedSections.Unknown(section, kind, isWordPiece ? "BertPreTokenizer, as WordPiece has it" : "ByteLevel, or CLIP's Split before it");
        }

        return (isWordPiece, parts) switch
        {
            (true, [_]) => new BertSplitter(),
            (false, [("ByteLevel", var bytes)]) => ByteLevel(bytes),
            (false, [("Split", var split), ("ByteLevel", var bytes)]) => Clip(split, ByteLevel(bytes)),
            _ => throw new ModelException($"{root.Path}: \"{Key}\" is {string.Join(", ", parts.Select(part => part.Kind))}, expected {(isWordPiece ? "BertPreTokenizer" : "ByteLevel, or CLIP's Split before it")}."),
        };
    }

    private static ByteLevelSplitter ByteLevel(ConfigSection section) => new(section.Flag("add_prefix_space") ?? true, section.Flag("use_regex") ?? true);

    private static ClipSplitter Clip(ConfigSection section, WordSplitter inner)
    {
        string? pattern = section.Section("pattern")?.Text("Regex");
        if (pattern is not (ClipSplitter.Pattern or ClipSplitter.PatternWithMarkers)) throw new ModelException($"{section.Describe("pattern")}, expected CLIP's expression.");
        if (section.Text("behavior") != "Removed" || section.Flag("invert") is not true)
            throw new ModelException($"{section.Describe("behavior")} with \"invert\" {section.Flag("invert") ?? false}, expected Removed and true, as CLIP has them.");
        return new ClipSplitter(pattern == ClipSplitter.PatternWithMarkers, inner);
    }
}
