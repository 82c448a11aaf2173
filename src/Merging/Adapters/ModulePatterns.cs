using System.Text.Json;
using System.Text.RegularExpressions;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Adapters;

/// <summary>
/// Values for some modules: <c>rank_pattern</c> or <c>alpha_pattern</c>. A key is the end of a module's name from one of its dots on, or a regular expression for it; the
/// first key that fits counts, as in PEFT.
/// </summary>
internal sealed class ModulePatterns
{
    // Files that write a key for every module write plain names; expressions are written by hand.
    private const int MostExpressions = 64;
    private const int MostCharacters = 1000;

    private readonly Dictionary<string, (int Order, double Value)> _names = new(StringComparer.Ordinal);
    private readonly List<(int Order, Regex Pattern, double Value)> _expressions = [];

    public static ModulePatterns None { get; } = new();

    /// <param name="path">The file, for messages.</param>
    /// <param name="key">What the object is called there.</param>
    /// <param name="values">A JSON object of numbers.</param>
    /// <exception cref="AdapterException">It is something else.</exception>
    public static ModulePatterns Read(string path, string key, JsonElement values)
    {
        if (values.ValueKind != JsonValueKind.Object) throw new AdapterException($"{path}: \"{key}\" is {AdapterConfigFile.Shorten(values)}, expected an object of numbers by module.");
        var patterns = new ModulePatterns();
        int order = 0;
        foreach (JsonProperty entry in values.EnumerateObject())
        {
            if (entry.Value.ValueKind != JsonValueKind.Number || !entry.Value.TryGetDouble(out double value) || !double.IsFinite(value))
                throw new AdapterException($"{path}: {Quoting.Quote(entry.Name)} in \"{key}\" is {AdapterConfigFile.Shorten(entry.Value)}, expected a number.");
            patterns.Add(path, key, entry.Name, value, order++);
        }

        return patterns;
    }

    /// <summary>The value of a module; null if no key fits.</summary>
    public double? Find(string module)
    {
        (int Order, double Value)? first = null;
        for (int start = 0; start >= 0; start = module.IndexOf('.', start) is >= 0 and var dot ? dot + 1 : -1)
        {
            if (_names.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(module.AsSpan(start), out (int Order, double Value) found) && !(found.Order > first?.Order)) first = found;
        }

        foreach ((int order, Regex pattern, double value) in _expressions)
        {
            if (order > first?.Order) break;
            if (pattern.IsMatch(module)) return value;
        }

        return first?.Value;
    }

    private void Add(string path, string key, string name, double value, int order)
    {
        // A dot means any character in an expression; no module differs from another in that alone.
        if (name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.'))
        {
            _names.TryAdd(name, (order, value));
            return;
        }

        if (name.Length > MostCharacters) throw new AdapterException($"{path}: the key {Quoting.Quote(name)} of \"{key}\" is longer than {MostCharacters} characters, expected the name of a module or a regular expression.");
        if (_expressions.Count == MostExpressions) throw new AdapterException($"{path}: \"{key}\" has more than {MostExpressions} regular expressions.");
        try
        {
            // Without backtracking, no name can make a pattern slow.
            _expressions.Add((order, new Regex($@"^(?:(?:.*\.)?(?:{name}))$", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant), value));
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            throw new AdapterException($"{path}: the key {Quoting.Quote(name)} of \"{key}\" is no usable regular expression ({(e is RegexParseException parse ? parse.Error.ToString() : e.Message.TrimEnd('.'))}).", e);
        }
    }
}
