using System.CommandLine;
using System.Globalization;

namespace MergeEngine.Cli.CommandLine;

/// <summary>Numbers of bytes as options take them: <c>512M</c>, <c>5GB</c>, <c>1.5GiB</c>.</summary>
internal static class ByteCount
{
    /// <summary>K, M, G and T are powers of 1024, as memory is counted; KB … are powers of 1000, KiB … of 1024.</summary>
    public static Option<long?> Memory(string name, string description) =>
        Create(name, description, "a number of bytes such as 512M or 2G (powers of 1024)", text => Parse(text, 1024));

    /// <summary>K, M, G and T are powers of 1000, as files are counted; KiB … are powers of 1024.</summary>
    public static Option<long?> File(string name, string description) =>
        Create(name, description, "a number of bytes such as 5GB or 500M (powers of 1000)", text => Parse(text, 1000));

    /// <summary>mergekit's own notation: a whole number with K, M or B for thousand, million, billion.</summary>
    public static Option<long?> Mergekit(string name, string description) => Create(
        name, description, "a whole number of bytes with K, M or B for thousand, million or billion, such as 5B (--shard-size takes 5GB too)", ParseMergekit);

    internal static long? Parse(string text, int unit)
    {
        int end = text.Length;
        while (end > 0 && char.IsAsciiLetter(text[end - 1])) end--;
        string suffix = text[end..].ToUpperInvariant();
        if (suffix is "B" or "") return Scale(text[..end], 1);
        int power = "KMGT".IndexOf(suffix[0], StringComparison.Ordinal) + 1;
        double? factor = suffix[1..] switch
        {
            "" => unit,
            "B" => 1000,
            "IB" => 1024,
            _ => null,
        };
        return power > 0 && factor is { } f ? Scale(text[..end], Math.Pow(f, power)) : null;
    }

    private static long? ParseMergekit(string text)
    {
        if (text.Length == 0) return null;
        double factor = char.ToUpperInvariant(text[^1]) switch
        {
            'K' => 1e3,
            'M' => 1e6,
            'B' => 1e9,
            _ => 1,
        };
        string number = factor == 1 ? text : text[..^1];
        return number.Length > 0 && number.All(char.IsAsciiDigit) ? Scale(number, factor) : null;
    }

    private static long? Scale(string number, double factor) =>
        double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value) && value * factor is >= 1 and < long.MaxValue ? (long)(value * factor) : null;

    private static Option<long?> Create(string name, string description, string expected, Func<string, long?> parse)
    {
        var option = new Option<long?>(name) { Description = description, HelpName = "BYTES" };
        option.CustomParser = result =>
        {
            string text = OptionValue.Text(result, "", expected, value => parse(value) is not null);
            return parse(text);
        };
        return option;
    }
}
