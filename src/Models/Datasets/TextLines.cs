using System.Text;
using MergeEngine.Models.Datasets.Tables;
using MergeEngine.Models.Tokenizers;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Datasets;

/// <summary>Texts from a file with one on each line, through a tokenizer.</summary>
public static class TextLines
{
    /// <summary>Reads and tokenizes a file. Lines end with LF or CRLF; an empty line is an empty text; the last line needs no end.</summary>
    /// <param name="path">UTF-8.</param>
    /// <param name="tokenizer">The model's.</param>
    /// <param name="maxTokens">Tokens that a text is cut to, special ones included.</param>
    /// <param name="labels">One of each line; empty for none.</param>
    /// <exception cref="ModelException">The file cannot be read, is not UTF-8, has no line or an endless one, or the labels are not as many.</exception>
    public static TextSplit Read(string path, ITokenizer tokenizer, int maxTokens, int[] labels)
    {
        int special = tokenizer.SpecialTokenCount(pair: false);
        if (maxTokens < Math.Max(1, special)) throw new ModelException($"{path}: its texts would be cut to {maxTokens} tokens, expected at least {Math.Max(1, special)}, as many as are put around a text.");
        var options = new TokenizerOptions { MaxLength = maxTokens };
        var tokens = new TokenSequence();
        var texts = new TokenTable();
        foreach (string line in Lines(path))
        {
            tokenizer.Encode(line, options, tokens);
            if (tokens.Count == 0) throw new ModelException($"{path}: line {texts.Count + 1} has no tokens, expected a text as this tokenizer puts none around it.");
            texts.Add(tokens.Ids, tokens.TypeIds);
        }

        if (texts.Count == 0) throw new ModelException($"{path}: there is no line, expected one for each text.");
        if (labels.Length != 0 && labels.Length != texts.Count) throw new ModelException($"{path}: has {Counting.Of(texts.Count, "line")} for {Counting.Of(labels.Length, "label")}, expected one line for each.");
        return new TextSplit(path, "input", texts, labels);
    }

    private static IEnumerable<string> Lines(string path)
    {
        using ByteLines lines = Open(path);
        while (Next(path, lines) is { } text) yield return text;
    }

    private static string? Next(string path, ByteLines lines)
    {
        try
        {
            if (lines.Read(out ReadOnlySpan<byte> line)) return TextTable.StrictUtf8.GetString(line.EndsWith("\r"u8) ? line[..^1] : line);
        }
        catch (DecoderFallbackException e)
        {
            throw new ModelException($"{path}: line {lines.Number} is not UTF-8, expected a text file.", e);
        }
        catch (IOException e)
        {
            throw new ModelException($"{path}: cannot be read ({e.Message.TrimEnd('.')}).", e);
        }

        return lines.IsTooLong ? throw new ModelException($"{path}: line {lines.Number} is longer than {TextTable.LongestRow} bytes, expected a text on each line.") : null;
    }

    private static ByteLines Open(string path)
    {
        if (Directory.Exists(path)) throw new ModelException($"{path}: is a directory, expected a text file.");
        if (!File.Exists(path)) throw new ModelException($"{path}: there is no such file, expected one with a text on each line.");
        try
        {
            return new ByteLines(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read), TextTable.LongestRow);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{path}: cannot be read ({e.Message.TrimEnd('.')}).", e);
        }
    }
}
