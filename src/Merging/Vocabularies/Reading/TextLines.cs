using System.Text;

namespace MergeEngine.Merging.Vocabularies.Reading;

/// <summary>Text files with an entry a line.</summary>
internal static class TextLines
{
    private static readonly UTF8Encoding s_strict = new(false, throwOnInvalidBytes: true);

    /// <summary>Lines without their ends; a file that ends with a line's end has no empty line after it.</summary>
    /// <exception cref="VocabularyException">It is not UTF-8.</exception>
    public static List<string> Read(byte[] bytes, string path)
    {
        try
        {
            string text = s_strict.GetString(bytes);
            if (text.Length == 0) return [];
            // Tokens may hold other signs that end lines elsewhere.
            string[] lines = (text.EndsWith('\n') ? text[..^1] : text).Split('\n');
            return [.. lines.Select(l => l.EndsWith('\r') ? l[..^1] : l)];
        }
        catch (DecoderFallbackException e)
        {
            throw new VocabularyException($"{path}: byte {e.Index} is not UTF-8, expected a text file.", e);
        }
    }
}
