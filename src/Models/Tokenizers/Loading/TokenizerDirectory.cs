namespace MergeEngine.Models.Tokenizers.Loading;

/// <summary>Which files of a directory hold its tokenizer.</summary>
internal static class TokenizerDirectory
{
    public const string TokenizerJson = "tokenizer.json";
    public const string VocabText = "vocab.txt";
    public const string VocabJson = "vocab.json";
    public const string Merges = "merges.txt";

    private static readonly string[] s_sentencePiece = ["sentencepiece.bpe.model", "spiece.model", "tokenizer.model", "sentencepiece.model", "spm.model"];

    public static TokenizerParts Read(string path)
    {
        if (File.Exists(path)) return TokenizerJsonFile.Read(path, SpecialTokens.Of(Path.GetDirectoryName(Path.GetFullPath(path))!));
        if (!Directory.Exists(path)) throw new ModelException($"{path}: there is no such file or directory, expected a model directory or a {TokenizerJson}.");
        SpecialTokens special = SpecialTokens.Of(path);
        if (Has(path, TokenizerJson)) return TokenizerJsonFile.Read(Path.Combine(path, TokenizerJson), special);
        if (Has(path, VocabText)) return BertFiles.Read(path, special);
        if (Has(path, VocabJson) && Has(path, Merges)) return BytePairFiles.Read(path, special);
        if (s_sentencePiece.FirstOrDefault(name => Has(path, name)) is { } model)
            throw new ModelException($"{Path.Combine(path, model)}: is a SentencePiece model, expected WordPiece, byte-level BPE or CLIP's BPE.");
        throw new ModelException($"{path}: holds no tokenizer, expected {TokenizerJson}, or {VocabText}, or {VocabJson} with {Merges}.");
    }

    private static bool Has(string directory, string name) => File.Exists(Path.Combine(directory, name));
}
