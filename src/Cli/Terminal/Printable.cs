namespace MergeEngine.Cli.Terminal;

/// <summary>Text from files, made safe to show: a tensor's name may hold escape sequences and line breaks.</summary>
internal static class Printable
{
    public static string Of(string text) => text.Any(char.IsControl)
        ? string.Concat(text.Select(c => char.IsControl(c) ? '\uFFFD' : c))
        : text;
}
