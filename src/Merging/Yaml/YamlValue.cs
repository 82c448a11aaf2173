namespace MergeEngine.Merging.Yaml;

/// <summary>A place in a YAML file, for error messages.</summary>
public readonly record struct YamlPlace(string File, long Line, long Column)
{
    public override string ToString() => $"{File}:{Line}:{Column}";
}

/// <summary>A YAML file that cannot be used. The message is one sentence that begins with file, line and column.</summary>
public sealed class YamlException(YamlPlace place, string message) : Exception($"{place}: {YamlScalar.OnOneLine(message)}")
{
    public YamlPlace Place { get; } = place;
}

/// <summary>A node of a parsed YAML file: a scalar, a sequence or a mapping, with its place. Anything it holds is plain text until asked for.</summary>
public abstract record YamlValue(YamlPlace Place)
{
    /// <summary>What the node is, for error messages.</summary>
    public abstract string Kind { get; }

    public YamlScalar AsScalar(string what) => this as YamlScalar ?? throw Error($"{what} must be a single value, found {Kind}.");

    public YamlSequence AsSequence(string what) => this as YamlSequence ?? throw Error($"{what} must be a list, found {Kind}.");

    public YamlMapping AsMapping(string what) => this as YamlMapping ?? throw Error($"{what} must be a mapping, found {Kind}.");

    public YamlException Error(string message) => new(Place, message);
}

/// <summary>A scalar's text; <paramref name="Quoted"/> text is never a number, a boolean or null.</summary>
public sealed record YamlScalar(YamlPlace Place, string Text, bool Quoted) : YamlValue(Place)
{
    private const int MostShown = 60;

    public override string Kind => Found;

    /// <summary>The text as the file has it, for error messages; cut where it is long, as a file that is no YAML can be one scalar.</summary>
    public string Found => Quoted ? $"the text \"{Shown}\"" : $"'{Shown}'";

    /// <summary>The text on one line, cut where it is long.</summary>
    public string Shown => OnOneLine(Text.Length <= MostShown ? Text : $"{Text[..(char.IsHighSurrogate(Text[MostShown - 1]) ? MostShown - 1 : MostShown)]}…");

    public bool IsNull => !Quoted && Text is "" or "~" or "null";

    internal static string OnOneLine(string text) => text.Any(char.IsControl) ? string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c)) : text;
}

public sealed record YamlSequence(YamlPlace Place, IReadOnlyList<YamlValue> Items) : YamlValue(Place)
{
    public override string Kind => "a list";
}
