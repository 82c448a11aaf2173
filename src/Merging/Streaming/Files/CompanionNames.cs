namespace MergeEngine.Merging.Streaming.Files;

/// <summary>Names of files that belong to a model, as transformers, sentence-transformers and the tokenizers' own libraries look for them.</summary>
internal static class CompanionNames
{
    public const string TokenizerConfig = "tokenizer_config.json";

    public const string ChatTemplate = "chat_template.jinja";

    /// <summary>The older place of a processor's chat template.</summary>
    public const string ProcessorChatTemplate = "chat_template.json";

    public const string GenerationConfig = "generation_config.json";

    public const string Modules = "modules.json";

    /// <summary>What a tokenizer is besides its vocabulary: names of special tokens, and how to write a conversation.</summary>
    public static readonly string[] TokenizerSettings = [TokenizerConfig, "special_tokens_map.json", ChatTemplate, ProcessorChatTemplate];

    /// <summary>Settings that merging does not change.</summary>
    public static readonly string[] Settings =
    [
        GenerationConfig, "preprocessor_config.json", "processor_config.json", "image_processor_config.json", "video_preprocessor_config.json", "feature_extractor_config.json",
        Modules, "sentence_bert_config.json", "config_sentence_transformers.json", "open_clip_config.json", "normalizer.json",
    ];

    private static readonly string[] s_tokenizer =
    [
        "tokenizer.json", "added_tokens.json", "vocab.json", "vocab.txt", "merges.txt", "vocab.bpe", "encoder.json", "bpe.codes", "dict.txt", "emoji.json", "tekken.json", "entity_vocab.json",
        "vocab-src.json", "vocab-tgt.json", "target_vocab.json",
    ];

    private static readonly string[] s_terms = ["license", "licence", "notice", "use_policy"];

    private static readonly string[] s_tokenizerEndings = [".model", ".spm", ".tiktoken"];

    /// <summary>Whether a file holds a vocabulary.</summary>
    public static bool IsVocabulary(string name) => s_tokenizer.Contains(name) || s_tokenizerEndings.Any(e => name.EndsWith(e, StringComparison.Ordinal));

    /// <summary>Whether a file of a module's folder (<c>1_Pooling</c>) is copied: settings and weights, nothing that a program would run.</summary>
    public static bool IsOfModule(string name) => name.EndsWith(".json", StringComparison.Ordinal) || name.EndsWith(".safetensors", StringComparison.Ordinal) || name.EndsWith(".txt", StringComparison.Ordinal);

    /// <summary>Whether a file holds the terms on which a model is given away.</summary>
    public static bool IsTerms(string name) => s_terms.Any(t => name.StartsWith(t, StringComparison.OrdinalIgnoreCase));

    /// <summary>Whether a folder's name is one that sentence-transformers gives to a module.</summary>
    public static bool IsModuleFolder(string name) =>
        name.Length is > 2 and <= 64 && char.IsAsciiDigit(name[0]) && name.Contains('_', StringComparison.Ordinal) && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-');
}
