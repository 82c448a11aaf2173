using MergeEngine.Models.Checkpoints;
using MergeEngine.Models.Tokenizers.AddedTokens;
using MergeEngine.Models.Tokenizers.Normalization;
using MergeEngine.Models.Tokenizers.Splitting;
using MergeEngine.Models.Tokenizers.Subwords;
using MergeEngine.Models.Tokenizers.Templates;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Tokenizers.Loading;

/// <summary>
/// Byte pairs from vocab.json and merges.txt: CLIP's, RoBERTa's or GPT-2's, as tokenizer_config.json names the class, else as the vocabulary looks.
/// </summary>
internal static class BytePairFiles
{
    private const string StartOfText = "<|startoftext|>", EndOfText = "<|endoftext|>", EndOfWord = "</w>";

    public static TokenizerParts Read(string directory, SpecialTokens special)
    {
        string path = Path.Combine(directory, TokenizerDirectory.VocabJson), mergesPath = Path.Combine(directory, TokenizerDirectory.Merges);
        ConfigSection root = ConfigFile.Open(path, VocabularyReader.MaxBytes).Root;
        Dictionary<string, int> vocabulary = VocabularyReader.FromJson(path, "the vocabulary", root.Element);
        List<(int, int, int)> merges = MergeReader.FromLines(mergesPath, vocabulary);
        var files = new Files(path, vocabulary, merges, special);
        string kind = special.Class ?? (vocabulary.ContainsKey(StartOfText) ? "CLIPTokenizer" : vocabulary.ContainsKey("<s>") ? "RobertaTokenizer" : "GPT2Tokenizer");
        return kind switch
        {
            "CLIPTokenizer" => Clip(files),
            "RobertaTokenizer" or "LongformerTokenizer" or "BartTokenizer" => Roberta(files),
            "GPT2Tokenizer" => Gpt2(files),
            _ => throw new ModelException($"{directory}: the tokenizer is a {Quoting.Quote(kind)}, expected CLIPTokenizer, RobertaTokenizer or GPT2Tokenizer for {TokenizerDirectory.VocabJson} and {TokenizerDirectory.Merges}."),
        };
    }

    private static TokenizerParts Clip(Files files)
    {
        AddedToken bos = files.Mark("bos_token", StartOfText, isNormalized: true), eos = files.Mark("eos_token", EndOfText, isNormalized: false);
        string unknown = files.Special.NameOf("unk_token") ?? EndOfText;
        files.Require("unk_token", unknown);
        int pad = files.Vocabulary.TryGetValue(files.Special.NameOf("pad_token") ?? EndOfText, out int id) ? id : eos.Id;
        var model = new BytePairModel(new BytePairVocabulary { Tokens = files.Vocabulary, Merges = files.Merges, Suffix = EndOfWord, Unknown = unknown }, default);
        return new TokenizerParts(
            [new CanonicalNormalizer(compose: true), new WhitespaceRunNormalizer(), new LowerCaseNormalizer()],
            new ClipSplitter(keepsMarkers: true, new ByteLevelSplitter(addPrefixSpace: false, useExpression: true)),
            model,
            files.Settle(bos, eos),
            PostProcessing.Roberta(bos.Id, eos.Id, default),
            pad,
            PadTypeId: 0);
    }

    private static TokenizerParts Roberta(Files files)
    {
        AddedToken cls = files.Mark("cls_token", "<s>", isNormalized: true), sep = files.Mark("sep_token", "</s>", isNormalized: true);
        AddedToken pad = files.Mark("pad_token", "<pad>", isNormalized: true), unknown = files.Mark("unk_token", "<unk>", isNormalized: true);
        AddedToken bos = files.Mark("bos_token", "<s>", isNormalized: true), eos = files.Mark("eos_token", "</s>", isNormalized: true);
        AddedToken mask = files.Mark("mask_token", "<mask>", isNormalized: false, stripsLeft: true);
        bool addPrefixSpace = files.Special.Flag("add_prefix_space") ?? false;
        var trimming = new OffsetTrimming(files.Special.Flag("trim_offsets") ?? true, addPrefixSpace);
        return new TokenizerParts(
            [],
            new ByteLevelSplitter(addPrefixSpace, useExpression: true),
            new BytePairModel(new BytePairVocabulary { Tokens = files.Vocabulary, Merges = files.Merges }, trimming),
            files.Settle(bos, eos, cls, sep, pad, unknown, mask),
            PostProcessing.Roberta(cls.Id, sep.Id, trimming),
            pad.Id,
            PadTypeId: 0);
    }

    private static TokenizerParts Gpt2(Files files)
    {
        AddedToken end = files.Mark("eos_token", EndOfText, isNormalized: true);
        return new TokenizerParts(
            [],
            new ByteLevelSplitter(files.Special.Flag("add_prefix_space") ?? false, useExpression: true),
            new BytePairModel(new BytePairVocabulary { Tokens = files.Vocabulary, Merges = files.Merges }, default),
            files.Settle(end),
            PostProcessing.None,
            files.Vocabulary.TryGetValue(files.Special.NameOf("pad_token") ?? EndOfText, out int id) ? id : end.Id,
            PadTypeId: 0);
    }

    private sealed record Files(string Path, Dictionary<string, int> Vocabulary, List<(int, int, int)> Merges, SpecialTokens Special)
    {
        /// <summary>A mark under the name that the files give it, else its usual one.</summary>
        public AddedToken Mark(string key, string usual, bool isNormalized, bool stripsLeft = false)
        {
            string name = Special.NameOf(key) ?? usual;
            return Special.WithFlags(key, new AddedToken(name, Require(key, name)) { IsSpecial = true, IsNormalized = isNormalized, StripsLeft = stripsLeft });
        }

        public int Require(string key, string name) => Vocabulary.TryGetValue(name, out int id) ? id
            : throw new ModelException($"{Path}: {Quoting.Quote(name)}, the \"{key}\", is not in the vocabulary, expected it there.");

        public List<AddedToken> Settle(params AddedToken[] marks) => AddedTokenReader.Settle(Path, marks.Concat(Special.Added()), Vocabulary);
    }
}
