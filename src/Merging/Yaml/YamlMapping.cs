using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace MergeEngine.Merging.Yaml;

/// <summary>
/// A mapping whose entries are taken out one by one: what is left at <see cref="Finish"/> is an unknown key, and an error. So a misspelt
/// option is never ignored.
/// </summary>
public sealed record YamlMapping(YamlPlace Place, IReadOnlyList<KeyValuePair<YamlScalar, YamlValue>> Entries) : YamlValue(Place)
{
    private readonly HashSet<string> _taken = new(StringComparer.Ordinal);

    public override string Kind => "a mapping";

    /// <summary>The value of a key, null if it is absent or null.</summary>
    public YamlValue? Take(string key)
    {
        _taken.Add(key);
        foreach ((YamlScalar name, YamlValue value) in Entries)
        {
            if (name.Text == key) return value is YamlScalar { IsNull: true } ? null : value;
        }

        return null;
    }

    public YamlValue Require(string key) => Take(key) ?? throw Error($"'{key}' is missing.");

    [return: NotNullIfNotNull(nameof(fallback))]
    public string? Text(string key, string? fallback = null) => Take(key)?.AsScalar($"'{key}'").Text ?? fallback;

    public string RequireText(string key) => Require(key).AsScalar($"'{key}'").Text;

    /// <summary>A finite number in [<paramref name="least"/>, <paramref name="most"/>].</summary>
    public double Number(string key, double fallback, double least = double.MinValue, double most = double.MaxValue) =>
        Take(key) is { } value ? NumberOf(value, key, least, most) : fallback;

    /// <summary>A finite number above <paramref name="bound"/> and at most <paramref name="most"/>.</summary>
    public double NumberAbove(string key, double fallback, double bound, double most = double.MaxValue)
    {
        if (Take(key) is not { } value) return fallback;
        double number = NumberOf(value, key, double.MinValue, double.MaxValue);
        if (number > bound && number <= most) return number;
        string text = value.AsScalar($"'{key}'").Text;
        throw value.Error(most == double.MaxValue ? $"'{key}' must be above {bound}, found {text}." : $"'{key}' must be above {bound} and at most {most}, found {text}.");
    }

    /// <summary>A whole number in [<paramref name="least"/>, <paramref name="most"/>].</summary>
    public long Integer(string key, long fallback, long least = long.MinValue, long most = long.MaxValue) =>
        Take(key) is { } value ? IntegerOf(value, key, least, most) : fallback;

    /// <summary>A whole number in [0, 2^64).</summary>
    public ulong Unsigned(string key, ulong fallback)
    {
        if (Take(key) is not { } value) return fallback;
        // Beyond 2^63 there is only this; below, the messages are those of every whole number.
        return value is YamlScalar { Quoted: false } scalar && !YamlNumber.IsOctal(scalar.Text)
            && ulong.TryParse(scalar.Text.Replace("_", "", StringComparison.Ordinal), NumberStyles.None, CultureInfo.InvariantCulture, out ulong number)
            ? number
            : (ulong)Integer(key, 0, 0);
    }

    public bool Flag(string key, bool fallback)
    {
        if (Take(key) is not { } value) return fallback;
        YamlScalar scalar = value.AsScalar($"'{key}'");
        return (scalar.Quoted ? "" : scalar.Text) switch
        {
            "true" or "True" or "yes" => true,
            "false" or "False" or "no" => false,
            _ => throw value.Error($"'{key}' must be true or false, found {scalar.Found}."),
        };
    }

    /// <summary>One of the given words.</summary>
    public string Choice(string key, string fallback, params ReadOnlySpan<string> choices)
    {
        if (Take(key) is not { } value) return fallback;
        YamlScalar scalar = value.AsScalar($"'{key}'");
        foreach (string choice in choices)
        {
            if (choice == scalar.Text) return choice;
        }

        throw value.Error($"'{key}' must be one of {string.Join(", ", choices.ToArray())}, found '{scalar.Shown}'.");
    }

    /// <summary>A number or a list of numbers: one fixed value, or what is searched.</summary>
    public IReadOnlyList<double> Numbers(string key, IReadOnlyList<double> fallback, double least = double.MinValue, double most = double.MaxValue)
    {
        switch (Take(key))
        {
            case null:
                return fallback;
            case YamlSequence { Items.Count: 0 } empty:
                throw empty.Error($"'{key}' is an empty list.");
            case YamlSequence list:
                return [.. list.Items.Select(item => NumberOf(item, key, least, most))];
            case { } single:
                return [NumberOf(single, key, least, most)];
        }
    }

    /// <summary>Refuses keys that nobody took.</summary>
    /// <param name="what">What the mapping describes, for the message.</param>
    public void Finish(string what) => Allow(what, [.. _taken]);

    /// <summary>Refuses all other keys: before anything is required, so that a misspelt key is not reported as a missing one.</summary>
    /// <param name="what">What the mapping describes, for the message.</param>
    /// <param name="keys">The keys that it may have.</param>
    public void Allow(string what, params ReadOnlySpan<string> keys)
    {
        if (Unknown(what, keys) is [YamlException first, ..]) throw first;
    }

    /// <summary>A mistake for each other key.</summary>
    /// <inheritdoc cref="Allow"/>
    internal List<YamlException> Unknown(string what, params ReadOnlySpan<string> keys)
    {
        List<YamlException> unknown = [];
        string? known = null;
        foreach ((YamlScalar name, _) in Entries)
        {
            if (keys.Contains(name.Text)) continue;
            known ??= keys.IsEmpty ? "none" : string.Join(", ", keys.ToArray().Order(StringComparer.Ordinal));
            unknown.Add(name.Error($"{what} has no option {name.Found}; it knows {known}."));
        }

        return unknown;
    }

    /// <summary>A value that is a whole number in [<paramref name="least"/>, <paramref name="most"/>].</summary>
    /// <param name="value">The value.</param>
    /// <param name="key">Whose it is, for the message.</param>
    /// <param name="least">The least.</param>
    /// <param name="most">The most.</param>
    internal static long IntegerOf(YamlValue value, string key, long least, long most)
    {
        YamlScalar scalar = value.AsScalar($"'{key}'");
        // A leading 0 makes it octal for some readers of YAML and not for others.
        if (scalar.Quoted || YamlNumber.IsOctal(scalar.Text) || !long.TryParse(scalar.Text.Replace("_", "", StringComparison.Ordinal), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number))
            throw value.Error($"'{key}' must be a whole number, found {scalar.Found}.");
        if (number < least || number > most)
            throw value.Error(most == long.MaxValue ? $"'{key}' must be at least {least}, found {number}." : $"'{key}' must lie in [{least}, {most}], found {number}.");
        return number;
    }

    private static double NumberOf(YamlValue value, string key, double least, double most)
    {
        YamlScalar scalar = value.AsScalar($"'{key}'");
        if (scalar.Quoted || YamlNumber.IsOctal(scalar.Text) || !double.TryParse(scalar.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) || !double.IsFinite(number))
            throw value.Error($"'{key}' must be a number, found {scalar.Found}.");
        if (number < least || number > most)
            throw value.Error(most == double.MaxValue ? $"'{key}' must be at least {least}, found {scalar.Text}." : $"'{key}' must lie in [{least}, {most}], found {scalar.Text}.");
        return number;
    }
}
