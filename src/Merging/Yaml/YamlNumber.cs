using System.Buffers;
using System.Globalization;

namespace MergeEngine.Merging.Yaml;

/// <summary>
/// Numbers as recipes have them, which are YAML 1.1's: a leading 0 makes a whole number octal, <c>0x</c> hexadecimal and <c>0b</c> binary, underscores may stand between digits, and
/// <c>.inf</c> and <c>.nan</c> are numbers that are not finite. So a recipe means the same here as where PyYAML reads it. Text that YAML takes for no number, such as <c>1e-3</c> or a
/// number in quotes, is read in base ten.
/// </summary>
public static class YamlNumber
{
    private static readonly SearchValues<char> s_octal = SearchValues.Create("01234567_");

    /// <summary>Reads a scalar's number.</summary>
    /// <param name="scalar">Plain or quoted.</param>
    /// <param name="number">The number, which may be infinite or NaN.</param>
    public static bool TryParse(YamlScalar scalar, out double number)
    {
        ArgumentNullException.ThrowIfNull(scalar);
        number = 0;
        if (!HasUnderscoresInside(scalar.Text)) return false;
        string text = scalar.Text.Replace("_", "", StringComparison.Ordinal);
        return (!scalar.Quoted && TryParsePlain(text, out number)) || double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out number);
    }

    /// <summary>Whether YAML 1.1 reads plain text in base eight, which looks like base ten.</summary>
    internal static bool IsOctal(string text)
    {
        ReadOnlySpan<char> digits = Unsigned(text);
        return digits.Length > 1 && digits[0] == '0' && !digits.ContainsAnyExcept(s_octal);
    }

    private static bool TryParsePlain(string text, out double number)
    {
        ReadOnlySpan<char> digits = Unsigned(text);
        double sign = text.StartsWith('-') ? -1 : 1;
        number = 0;
        if (digits is ".inf" or ".Inf" or ".INF")
        {
            number = sign * double.PositiveInfinity;
            return true;
        }

        if (text is ".nan" or ".NaN" or ".NAN")
        {
            number = double.NaN;
            return true;
        }

        ulong whole = 0;
        bool read = digits.StartsWith("0x", StringComparison.Ordinal) ? ulong.TryParse(digits[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out whole)
            : digits.StartsWith("0b", StringComparison.Ordinal) ? ulong.TryParse(digits[2..], NumberStyles.AllowBinarySpecifier, CultureInfo.InvariantCulture, out whole)
            : IsOctal(text) && TryParseOctal(digits, out whole);
        number = sign * whole;
        return read;
    }

    private static bool TryParseOctal(ReadOnlySpan<char> digits, out ulong number)
    {
        number = 0;
        foreach (char digit in digits)
        {
            if (number >> 61 != 0) return false;
            number = (number << 3) | (uint)(digit - '0');
        }

        return true;
    }

    private static ReadOnlySpan<char> Unsigned(string text) => text.AsSpan(text.StartsWith('-') || text.StartsWith('+') ? 1 : 0);

    private static bool HasUnderscoresInside(string text)
    {
        for (int i = text.IndexOf('_', StringComparison.Ordinal); i >= 0; i = text.IndexOf('_', i + 1))
        {
            if (i == 0 || i == text.Length - 1 || !char.IsAsciiHexDigit(text[i - 1]) || !char.IsAsciiHexDigit(text[i + 1])) return false;
        }

        return true;
    }
}
