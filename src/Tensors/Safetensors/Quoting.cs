using System.Globalization;
using System.Text;

namespace MergeEngine.Tensors.Safetensors;

/// <summary>Names from untrusted files inside messages: quoted, shortened, and with nothing that a terminal would obey.</summary>
public static class Quoting
{
    private const int Longest = 120;

    public static string Quote(string text)
    {
        var builder = new StringBuilder("\"");
        foreach (char c in text.AsSpan(0, Math.Min(text.Length, Longest)))
        {
            if (c is '"' or '\\') builder.Append('\\').Append(c);
            else if (char.IsControl(c) || char.IsSurrogate(c) || char.GetUnicodeCategory(c) is UnicodeCategory.Format)
                builder.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else builder.Append(c);
        }

        builder.Append('"');
        if (text.Length > Longest) builder.Append(CultureInfo.InvariantCulture, $" ({text.Length} characters)");
        return builder.ToString();
    }

    /// <summary>A list of quoted names, the first few of many.</summary>
    public static string QuoteSome(IReadOnlyCollection<string> names, int most = 8)
    {
        string list = string.Join(", ", names.Take(most).Select(Quote));
        return names.Count > most ? $"{list} and {names.Count - most} more" : list;
    }
}
