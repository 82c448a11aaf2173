using System.Text;

namespace MergeEngine.Cli.Terminal;

/// <summary>Text from files, made safe to show: a name may hold escape sequences, line breaks or halves of surrogate pairs.</summary>
internal static class Printable
{
    /// <summary>The text with U+FFFD in place of every character that a terminal would obey or XML forbids.</summary>
    public static string Of(string text)
    {
        var result = new StringBuilder(text.Length);
        // EnumerateRunes replaces unpaired surrogates already.
        foreach (Rune rune in text.EnumerateRunes())
            result.Append(Rune.IsControl(rune) || rune.Value is 0xFFFE or 0xFFFF ? Rune.ReplacementChar : rune);
        return result.ToString();
    }
}
