using System.Text.Json;
using MergeEngine.Models.Checkpoints;
using MergeEngine.Models.Tokenizers.AddedTokens;
using MergeEngine.Models.Tokenizers.Normalization;
using MergeEngine.Models.Tokenizers.Splitting;
using MergeEngine.Models.Tokenizers.Subwords;
using MergeEngine.Models.Tokenizers.Templates;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Tokenizers.Loading;

/// <summary>A whole tokenizer in one JSON file. Kinds that are not known are refused by their names.</summary>
internal static class TokenizerJsonFile
{
    private const string Kinds = "expected WordPiece, byte-level BPE or CLIP's BPE";

    public static TokenizerParts Read(string path, SpecialTokens special)
    {
        ConfigSection root = ConfigFile.Open(path, VocabularyReader.MaxBytes).Root;
        ConfigSection model = root.Section("model") ?? throw new ModelException($"{root.Describe("model")}, expected an object.");
        bool isWordPiece = KindOf(model) == "WordPiece";
        JsonElement tokens = model.Has("vocab") ? model.Element.GetProperty("vocab") : throw new ModelException($"{model.Describe("vocab")}, expected the vocabulary.");
        Dictionary<string, int> vocabulary = VocabularyReader.FromJson(path, "model.vocab", tokens);
        List<AddedToken> added = AddedTokenReader.ReadList(root, vocabulary);
        IReadOnlyList<Normalizer> normalizers = NormalizerReader.Read(root, "normalizer");
        WordSplitter splitter = SplitterReader.Read(root, isWordPiece);
        PostProcessing post = PostProcessingReader.Read(root);
        SubwordModel words = isWordPiece ? WordPiece(model, vocabulary, post.Trimming) : BytePairs(model, vocabulary, post.Trimming);
        (int padId, int padTypeId) = Padding(root, special, vocabulary, added);
        return new TokenizerParts(normalizers, splitter, words, added, post, padId, padTypeId);
    }

    /// <summary>Older files do not name the kind: then what else the model has tells it.</summary>
    private static string KindOf(ConfigSection model)
    {
        string kind = model.Text("type") ?? (model.Has("merges") ? "BPE" : model.IsList("vocab") ? "Unigram" : model.Has("max_input_chars_per_word") ? "WordPiece" : "WordLevel");
        return kind is "WordPiece" or "BPE" ? kind : throw new ModelException($"{model.Path}: the model is of kind {Quoting.Quote(kind)}, {Kinds}.");
    }

    private static WordPieceModel WordPiece(ConfigSection model, Dictionary<string, int> vocabulary, OffsetTrimming trimming)
    {
        string unknown = model.Text("unk_token") ?? "[UNK]";
        if (!vocabulary.ContainsKey(unknown)) throw new ModelException($"{model.Path}: the unknown token {Quoting.Quote(unknown)} is not in the vocabulary, expected it there.");
        int longest = model.Integer("max_input_chars_per_word") ?? 100;
        if (longest < 0) throw new ModelException($"{model.Describe("max_input_chars_per_word")}, expected a number of at least 0.");
        return new WordPieceModel(vocabulary, model.Text("continuing_subword_prefix") ?? "##", unknown, longest, trimming);
    }

    private static BytePairModel BytePairs(ConfigSection model, Dictionary<string, int> vocabulary, OffsetTrimming trimming)
    {
        if (model.Number("dropout") is > 0) throw new ModelException($"{model.Describe("dropout")}, expected none: merges that are left out at random give no fixed ids.");
        if (model.Flag("byte_fallback") is true) throw new ModelException($"{model.Path}: the model falls back to bytes as SentencePiece does, {Kinds}.");
        string? unknown = model.Text("unk_token") is { Length: > 0 } token ? token : null;
        if (unknown is not null && !vocabulary.ContainsKey(unknown))
            throw new ModelException($"{model.Path}: the unknown token {Quoting.Quote(unknown)} is not in the vocabulary, expected it there.");
        string prefix = model.Text("continuing_subword_prefix") ?? "";
        return new BytePairModel(
            new BytePairVocabulary
            {
                Tokens = vocabulary,
                Merges = MergeReader.FromJson(model, vocabulary, prefix),
                Prefix = prefix,
                Suffix = model.Text("end_of_word_suffix") ?? "",
                Unknown = unknown,
                FusesUnknown = model.Flag("fuse_unk") ?? false,
                IgnoresMerges = model.Flag("ignore_merges") ?? false,
            },
            trimming);
    }

    private static (int Id, int TypeId) Padding(ConfigSection root, SpecialTokens special, Dictionary<string, int> vocabulary, List<AddedToken> added)
    {
        if (root.Section("padding") is { } padding)
        {
            int id = padding.Integer("pad_id") ?? 0, type = padding.Integer("pad_type_id") ?? 0;
            return id is >= 0 and < int.MaxValue && type >= 0 ? (id, type) : throw new ModelException($"{padding.Describe(id >= 0 ? "pad_type_id" : "pad_id")}, expected an id of 0 or more.");
        }

        foreach (string? name in (string?[])[special.NameOf("pad_token"), "[PAD]", "<pad>"])
        {
            if (name is null) continue;
            if (added.Find(token => token.Content == name) is { } token) return (token.Id, 0);
            if (vocabulary.TryGetValue(name, out int id)) return (id, 0);
        }

        return (0, 0);
    }
}
