using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace MergeEngine.Merging.Yaml;

/// <summary>
/// Reads the documents of a file, value by value. An alias becomes a copy of what its anchor marks, with the alias's own place, so that errors name the line where the value is used; how much all
/// aliases of a document may stand for is bounded, so that a small file cannot describe a large tree.
/// </summary>
internal sealed class NodeReader(Parser parser, string file)
{
    /// <summary>Most values that the aliases of a file stand for together: far above any recipe, far below what fills memory.</summary>
    public const int MostCopied = 100_000;

    private const int MaxDepth = 64;
    private const string MergeKey = "<<";

    private readonly Dictionary<string, YamlValue?> _anchors = new(StringComparer.Ordinal);
    private int _copied;

    /// <summary>Reads the document whose value begins at the parser's current event.</summary>
    /// <exception cref="YamlException">It is too deep, has a key twice, or its aliases stand for nothing or for too much.</exception>
    public YamlValue ReadDocument()
    {
        _anchors.Clear();
        return Read(0);
    }

    private YamlValue Read(int depth)
    {
        ParsingEvent current = parser.Current!;
        var place = new YamlPlace(file, current.Start.Line, current.Start.Column);
        RequireDepth(place, depth);
        if (current is AnchorAlias alias) return Expand(alias.Value.Value, place, depth);
        string? anchor = current is NodeEvent { Anchor.IsEmpty: false } node ? node.Anchor.Value : null;
        // Known, but without a value as long as it is read: an alias inside stands for itself.
        if (anchor is not null) _anchors[anchor] = null;
        YamlValue value = current switch
        {
            Scalar scalar => ReadScalar(scalar, place),
            SequenceStart => ReadSequence(depth, place),
            MappingStart => ReadMapping(depth, place),
            _ => throw new YamlException(place, "this part of YAML is not supported here."),
        };
        if (anchor is not null) _anchors[anchor] = value;
        return value;
    }

    private static YamlScalar ReadScalar(Scalar scalar, YamlPlace place) => scalar.Value.Contains('\0', StringComparison.Ordinal)
        ? throw new YamlException(place, "the text holds a NUL character, which no name or path can have.")
        : new YamlScalar(place, scalar.Value, scalar.Style is not ScalarStyle.Plain);

    private YamlSequence ReadSequence(int depth, YamlPlace place)
    {
        var items = new List<YamlValue>();
        while (Next() is not SequenceEnd) items.Add(Read(depth + 1));
        return new YamlSequence(place, items);
    }

    private YamlMapping ReadMapping(int depth, YamlPlace place)
    {
        var entries = new List<KeyValuePair<YamlScalar, YamlValue>>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        YamlValue? merged = null;
        while (Next() is not MappingEnd)
        {
            YamlScalar key = Read(depth + 1).AsScalar("A key");
            bool merges = key is { Text: MergeKey, Quoted: false };
            if (!names.Add(key.Text)) throw key.Error($"the key '{key.Shown}' occurs twice.");
            Next();
            YamlValue value = Read(depth + 1);
            if (merges) merged = value;
            else entries.Add(new(key, value));
        }

        // What the mapping itself says wins, and of several that are merged the first.
        if (merged is not null) entries.InsertRange(0, [.. MergedInto(merged).Where(e => names.Add(e.Key.Text))]);
        return new YamlMapping(place, entries);
    }

    private static IEnumerable<KeyValuePair<YamlScalar, YamlValue>> MergedInto(YamlValue value)
    {
        const string What = "'<<', or each item of its list,";
        return value is YamlSequence list
            ? list.Items.SelectMany(i => i.AsMapping(What).Entries)
            : value.AsMapping(What).Entries;
    }

    private YamlValue Expand(string anchor, YamlPlace place, int depth)
    {
        place = place with { IsOfAlias = true };
        string shown = new YamlScalar(place, anchor, false).Shown;
        if (!_anchors.TryGetValue(anchor, out YamlValue? value)) throw new YamlException(place, $"the alias '*{shown}' stands for nothing: there is no '&{shown}' before it in this document.");
        if (value is null) throw new YamlException(place, $"the alias '*{shown}' stands inside of '&{shown}', so that it would hold itself.");
        return value.Moved((_, below) =>
        {
            RequireDepth(place, depth + below);
            return ++_copied <= MostCopied ? place : throw new YamlException(place, $"the aliases of this file stand for more than {MostCopied} values, which is the most that they may.");
        });
    }

    private static void RequireDepth(YamlPlace place, int depth)
    {
        if (depth > MaxDepth) throw new YamlException(place, $"nested more than {MaxDepth} levels deep.");
    }

    private ParsingEvent Next()
    {
        parser.MoveNext();
        return parser.Current!;
    }
}
