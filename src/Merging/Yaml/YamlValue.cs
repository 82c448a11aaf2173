namespace MergeEngine.Merging.Yaml;

/// <summary>A place in a YAML file, for error messages.</summary>
/// <param name="File">The file; or what stands in its place where the text was made of something else, such as an option.</param>
/// <param name="Line">Counted from 1; 0 where there is no line that anybody could look at.</param>
/// <param name="Column">Counted from 1.</param>
public readonly record struct YamlPlace(string File, long Line, long Column)
{
    /// <summary>Whether what stands here is an alias, with the mistakes of what it stands for.</summary>
    internal bool IsOfAlias { get; init; }

    public override string ToString() => Line == 0 ? File : $"{File}:{Line}:{Column}";
}

/// <summary>A YAML file that cannot be used. The message is one sentence that begins with file, line and column; of several mistakes, one for each.</summary>
public sealed class YamlException : Exception
{
    public YamlException(YamlPlace place, string message)
        : base($"{place}: {YamlScalar.OnOneLine(message)}") => (Place, Problems) = (place, [Message]);

    /// <summary>Several mistakes of one file.</summary>
    /// <param name="told">The first of them, of which each is an exception of its own; at least one.</param>
    /// <param name="untold">How many more there are.</param>
    internal YamlException(IReadOnlyList<YamlException> told, int untold)
        : base(told.Count + untold == 1 ? told[0].Message : string.Join($"{Environment.NewLine}  ", [$"{told.Count + untold} problems:", .. told.Select(p => p.Message), .. More(untold)])) =>
        (Place, Problems, Untold) = (told[0].Place, [.. told.Select(p => p.Message)], untold);

    /// <summary>Of the first mistake.</summary>
    public YamlPlace Place { get; }

    /// <summary>One sentence each, by place; never empty.</summary>
    public IReadOnlyList<string> Problems { get; }

    /// <summary>How many more there are, where they are too many to be told.</summary>
    public int Untold { get; }

    private static IEnumerable<string> More(int untold) => untold > 0 ? [$"and {untold} more."] : [];
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

    /// <summary>The same value with other places.</summary>
    /// <param name="place">Is given a place, and how many levels deep its value is inside of this one.</param>
    public YamlValue Moved(Func<YamlPlace, int, YamlPlace> place) => Moved(place, 0);

    private YamlValue Moved(Func<YamlPlace, int, YamlPlace> place, int depth)
    {
        YamlPlace own = place(Place, depth);
        return this switch
        {
            YamlScalar scalar => scalar with { Place = own },
            YamlSequence list => new YamlSequence(own, [.. list.Items.Select(i => i.Moved(place, depth + 1))]),
            YamlMapping map => new YamlMapping(own, [.. map.Entries.Select(e => KeyValuePair.Create(e.Key with { Place = place(e.Key.Place, depth + 1) }, e.Value.Moved(place, depth + 1)))]),
            _ => throw new InvalidOperationException($"A value of YAML is {Kind}."),
        };
    }
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
