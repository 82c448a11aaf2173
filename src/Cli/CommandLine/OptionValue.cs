using System.CommandLine.Parsing;
using System.Globalization;

namespace MergeEngine.Cli.CommandLine;

/// <summary>Reads the one value of an option, and says of a wrong one what was expected in words of people, not of types.</summary>
internal static class OptionValue
{
    /// <summary>A number, whatever the culture.</summary>
    /// <param name="result">The option and its value.</param>
    /// <param name="expected">What the value may be, for the message.</param>
    /// <param name="allowed">Which numbers; null for all.</param>
    /// <returns>Null, and an error in <paramref name="result"/>, if it is no such number.</returns>
    public static T? Parse<T>(ArgumentResult result, string expected, Predicate<T>? allowed = null)
        where T : struct, IParsable<T>
    {
        // The missing value of an option is reported by its arity.
        if (result.Tokens is not [Token token]) return null;
        if (T.TryParse(token.Value, CultureInfo.InvariantCulture, out T value) && (allowed is null || allowed(value))) return value;
        Refuse(result, token.Value, expected);
        return null;
    }

    /// <summary>One of a few words.</summary>
    public static string Word(ArgumentResult result, IReadOnlyList<string> choices)
    {
        if (result.Tokens is not [Token token]) return choices[0];
        if (!choices.Contains(token.Value)) Refuse(result, token.Value, $"{string.Join(", ", choices.SkipLast(1))} or {choices[^1]}");
        return token.Value;
    }

    /// <summary>A text of a certain form; <paramref name="fallback"/> where it is missing.</summary>
    public static string Text(ArgumentResult result, string fallback, string expected, Predicate<string> allowed)
    {
        if (result.Tokens is not [Token token]) return fallback;
        if (!allowed(token.Value)) Refuse(result, token.Value, expected);
        return token.Value;
    }

    private static void Refuse(ArgumentResult result, string value, string expected) =>
        result.AddError($"{(result.Parent as OptionResult)?.Option.Name ?? result.Argument.Name} is '{value}', expected {expected}.");
}
