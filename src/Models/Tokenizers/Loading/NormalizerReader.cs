using MergeEngine.Models.Checkpoints;
using MergeEngine.Models.Tokenizers.Normalization;

namespace MergeEngine.Models.Tokenizers.Loading;

/// <summary>The steps before words are cut.</summary>
internal static class NormalizerReader
{
    public static List<Normalizer> Read(ConfigSection root, string key) =>
        [.. TypedSections.Flatten(root, key, "normalizers").Select(part => Create(part.Kind, part.Section))];

    private static Normalizer Create(string kind, ConfigSection section) => kind switch
    {
        "BertNormalizer" => Bert(section),
        "NFC" => new CanonicalNormalizer(compose: true),
        "NFD" => new CanonicalNormalizer(compose: false),
        "Lowercase" => new LowerCaseNormalizer(),
        "Replace" => Replace(section),
        _ => throw TypedSections.Unknown(section, kind, "BertNormalizer, NFC, NFD, Lowercase or Replace"),
    };

    private static BertNormalizer Bert(ConfigSection section)
    {
        bool lowerCase = section.Flag("lowercase") ?? true;
        return new BertNormalizer(section.Flag("clean_text") ?? true, section.Flag("handle_chinese_chars") ?? true, section.Flag("strip_accents") ?? lowerCase, lowerCase);
    }

    private static WhitespaceRunNormalizer Replace(ConfigSection section)
    {
        bool isKnown = section.Section("pattern") is { } pattern && pattern.Text("Regex") == WhitespaceRunNormalizer.Pattern && section.Text("content") == " ";
        return isKnown ? new WhitespaceRunNormalizer()
            : throw new ModelException($"{section.Describe("pattern")}, expected {WhitespaceRunNormalizer.Pattern} with one space for \"content\", as CLIP has it.");
    }
}
