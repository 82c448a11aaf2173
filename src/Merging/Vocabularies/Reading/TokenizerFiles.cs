using MergeEngine.Merging.Streaming.Files;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Tensors.Safetensors;
using Microsoft.Win32.SafeHandles;

namespace MergeEngine.Merging.Vocabularies.Reading;

/// <summary>The files of a model directory that belong to its tokenizer.</summary>
public static class TokenizerFiles
{
    internal const string TokenizerJson = "tokenizer.json";
    internal const string Config = "tokenizer_config.json";
    internal const string SpecialTokensMap = "special_tokens_map.json";
    internal const string AddedTokens = "added_tokens.json";
    internal const string VocabJson = "vocab.json";
    internal const string Merges = "merges.txt";
    internal const string VocabText = "vocab.txt";

    // Larger ones are no tokenizers; those of 256 k tokens have 35 MB.
    private const long MaxBytes = 256 << 20;

    /// <summary>Files of tokenizers that the engine cannot read or change, but copies.</summary>
    internal static IReadOnlyList<string> Opaque { get; } =
        ["tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "sentencepiece.model", "spm.model", "source.spm", "target.spm", "tekken.json", "qwen.tiktoken", "tiktoken.model"];

    /// <summary>All names; a directory has a few of them.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [TokenizerJson, Config, SpecialTokensMap, AddedTokens, VocabJson, Merges, VocabText, .. Opaque, "chat_template.jinja", "chat_template.json"];

    /// <summary>The directory of a model: its own path, or the one around its file.</summary>
    internal static string DirectoryOf(string model) => Directory.Exists(model) ? model : Path.GetDirectoryName(Path.GetFullPath(model)) ?? "";

    /// <summary>Reads a whole file.</summary>
    /// <returns>Null if there is none.</returns>
    /// <exception cref="IOException">It is too large, no file, or cannot be read; one sentence.</exception>
    internal static byte[]? TryRead(string directory, string name)
    {
        string path = Path.Combine(directory, name);
        if (!Path.Exists(path)) return null;
        if (OutputTarget.ComplaintOf(path) is { } complaint) throw new VocabularyException($"{path}: {complaint}, expected a file.");
        // What is read here is written to the output, and that is shown to the world.
        if (!ModelFolder.StaysInside(directory, path)) throw new VocabularyException($"{path}: is a link that leads out of the model's directory, expected a file of the model.");
        try
        {
            using SafeFileHandle handle = File.OpenHandle(path);
            long length = RandomAccess.GetLength(handle);
            if (length > MaxBytes) throw new VocabularyException($"{path}: has {length} bytes, expected at most {MaxBytes}.");
            byte[] bytes = new byte[length];
            FileBytes.Fill(handle, path, 0, bytes);
            return bytes;
        }
        catch (UnauthorizedAccessException e)
        {
            throw new VocabularyException($"{path}: may not be read by this user.", e);
        }
        catch (IOException e) when (e is not VocabularyException and not SafetensorsException)
        {
            throw new VocabularyException($"{path}: cannot be read ({e.Message.TrimEnd('.')}).", e);
        }
    }
}
