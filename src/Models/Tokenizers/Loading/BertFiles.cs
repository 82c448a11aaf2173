using MergeEngine.Models.Tokenizers.AddedTokens;
using MergeEngine.Models.Tokenizers.Normalization;
using MergeEngine.Models.Tokenizers.Splitting;
using MergeEngine.Models.Tokenizers.Subwords;
using MergeEngine.Models.Tokenizers.Templates;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Tokenizers.Loading;

/// <summary>WordPiece from vocab.txt and tokenizer_config.json, with what transformers takes where they say nothing.</summary>
internal static class BertFiles
{
    private static readonly (string Key, string Name)[] s_marks =
        [("pad_token", "[PAD]"), ("unk_token", "[UNK]"), ("cls_token", "[CLS]"), ("sep_token", "[SEP]"), ("mask_token", "[MASK]")];

    private static readonly string[] s_classes = ["BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer", "MobileBertTokenizer", "SqueezeBertTokenizer", "LayoutLMTokenizer", "PreTrainedTokenizer"];

    public static TokenizerParts Read(string directory, SpecialTokens special)
    {
        if (special.Class is { } kind && !s_classes.Contains(kind))
            throw new ModelException($"{directory}: the tokenizer is a {Quoting.Quote(kind)}, expected one of BERT's for a {TokenizerDirectory.VocabText}, or a {TokenizerDirectory.TokenizerJson}.");
        string path = Path.Combine(directory, TokenizerDirectory.VocabText);
        Dictionary<string, int> vocabulary = VocabularyReader.FromLines(path);
        var marks = s_marks.ToDictionary(mark => mark.Key, mark => special.NameOf(mark.Key) ?? mark.Name);
        int cls = Require("cls_token"), sep = Require("sep_token");
        Require("unk_token");
        IEnumerable<AddedToken> own = marks.Where(mark => vocabulary.ContainsKey(mark.Value))
            .Select(mark => special.WithFlags(mark.Key, new AddedToken(mark.Value, vocabulary[mark.Value]) { IsSpecial = true }));
        List<AddedToken> added = AddedTokenReader.Settle(path, own.Concat(special.Added()), vocabulary);
        bool lowerCase = special.Flag("do_lower_case") ?? true;
        return new TokenizerParts(
            [new BertNormalizer(cleanText: true, special.Flag("tokenize_chinese_chars") ?? true, special.Flag("strip_accents") ?? lowerCase, lowerCase)],
            new BertSplitter(),
            new WordPieceModel(vocabulary, "##", marks["unk_token"], longest: 100, default),
            added,
            PostProcessing.Bert(cls, sep),
            vocabulary.GetValueOrDefault(marks["pad_token"]),
            PadTypeId: 0);

        int Require(string key) => vocabulary.TryGetValue(marks[key], out int id) ? id
            : throw new ModelException($"{path}: {Quoting.Quote(marks[key])}, the \"{key}\", is not in the vocabulary, expected it there.");
    }
}
