using System.Text;

namespace MergeEngine.Tensors.Safetensors;

/// <summary>Text files with an entry a line, such as vocabularies.</summary>
public static class Utf8Lines
{
    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>
    /// Lines without their ends, LF or CRLF; other signs that end lines elsewhere may be in an entry. A byte order mark is left out, and a file that ends
    /// with a line's end has no empty line after it.
    /// </summary>
    /// <exception cref="DecoderFallbackException">The bytes are not UTF-8; <see cref="DecoderFallbackException.Index"/> tells where.</exception>
    public static string[] Split(ReadOnlySpan<byte> bytes)
    {
        string text = s_strict.GetString(bytes);
        if (text.StartsWith('\uFEFF')) text = text[1..];
        if (text.Length == 0) return [];
        string[] lines = (text.EndsWith('\n') ? text[..^1] : text).Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            if (lines[i].EndsWith('\r')) lines[i] = lines[i][..^1];
        }

        return lines;
    }
}
