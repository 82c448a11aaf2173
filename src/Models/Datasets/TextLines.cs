using System.Text;
using MergeEngine.Models.Tokenizers;

namespace MergeEngine.Models.Datasets;

/// <summary>Texts from a file with one on each line, through a tokenizer.</summary>
public static class TextLines
{
    /// <summary>Reads and tokenizes a file. An empty line is an empty text; the last line needs no end.</summary>
    /// <param name="path">UTF-8.</param>
    /// <param name="tokenizer">The model's.</param>
    /// <param name="maxTokens">Tokens that a text is cut to, special ones included.</param>
    /// <param name="labels">One of each line; empty for none.</param>
    /// <exception cref="ModelException">The file cannot be read, is not UTF-8 or has no line, or the labels are not as many.</exception>
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
        if (labels.Length != 0 && labels.Length != texts.Count) throw new ModelException($"{path}: there are {texts.Count} lines for {labels.Length} labels, expected one line for each.");
        return new TextSplit(path, "input", texts, labels);
    }

    private static IEnumerable<string> Lines(string path)
    {
        using StreamReader reader = Open(path);
        for (int line = 1; ; line++)
        {
            string? text;
            try
            {
                text = reader.ReadLine();
            }
            catch (DecoderFallbackException e)
            {
                throw new ModelException($"{path}: something from line {line} on is not UTF-8, expected a text file.", e);
            }
            catch (IOException e)
            {
                throw new ModelException($"{path}: cannot be read ({e.Message.TrimEnd('.')}).", e);
            }

            if (text is null) yield break;
            yield return text;
        }
    }

    private static StreamReader Open(string path)
    {
        if (Directory.Exists(path)) throw new ModelException($"{path}: is a directory, expected a text file.");
        if (!File.Exists(path)) throw new ModelException($"{path}: there is no such file, expected one with a text on each line.");
        try
        {
            return new StreamReader(path, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{path}: cannot be read ({e.Message.TrimEnd('.')}).", e);
        }
    }
}
