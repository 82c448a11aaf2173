using MergeEngine.Merging.Yaml;

namespace MergeEngine.Merging.Recipes.Reading;

/// <summary>
/// What the reading of one document comes across: notes, and mistakes, after which the parts that do not depend on them are still read. What is counted or missing is asked only of what was read
/// whole, as it may be what was meant by a mistake.
/// </summary>
/// <param name="mistakes">Takes the mistakes.</param>
internal sealed class RecipeFindings(RecipeMistakes mistakes)
{
    private readonly HashSet<YamlPlace> _misspelt = [];
    private readonly HashSet<string> _missing = new(StringComparer.Ordinal);

    public List<RecipeNote> Notes { get; } = [];

    /// <summary>Whether every part that was tried could be read.</summary>
    public bool IsWhole { get; private set; } = true;

    /// <summary>Whether anything was told, be it of a part that could be read.</summary>
    public bool HasMistakes { get; private set; }

    /// <summary>Reads a part; its type's default where there is a mistake in it.</summary>
    public T? Try<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (YamlException mistake)
        {
            IsWhole = false;
            Tell(mistake);
            return default;
        }
    }

    /// <summary>Asks for something of what was read, before other things that depend on it.</summary>
    public void Try(Action check) => Try<object?>(() =>
    {
        check();
        return null;
    });

    /// <summary>Reads the parts of a list; without those that have mistakes.</summary>
    public List<T> TryAll<TPart, T>(IEnumerable<TPart> parts, Func<TPart, T?> read)
        where T : class => [.. parts.Select(p => Try(() => read(p))).OfType<T>()];

    /// <summary>Refuses every key that a mapping may not have. A key that it lacks, which is told with the mapping's own place, may be meant by one of those: from then on that place tells nothing.</summary>
    /// <param name="map">The mapping.</param>
    /// <param name="what">What it describes, for the message.</param>
    /// <param name="keys">The keys that it may have.</param>
    public void Allow(YamlMapping map, string what, params string[] keys)
    {
        foreach (YamlException unknown in map.Unknown(what, keys))
        {
            IsWhole = false;
            Tell(unknown);
            _misspelt.Add(map.Place);
        }
    }

    /// <summary>Tells a mistake that keeps nothing else from being asked.</summary>
    public void Tell(YamlException mistake)
    {
        HasMistakes = true;
        if (!_misspelt.Contains(mistake.Place)) mistakes.Add(mistake);
    }

    /// <summary>Whether a parameter that every model lacks has not been named yet: that is one mistake, in however many slices.</summary>
    public bool IsNewlyMissing(string parameter) => _missing.Add(parameter);
}
