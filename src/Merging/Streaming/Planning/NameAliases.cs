using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Planning;

/// <summary>
/// One set of names for checkpoints that write the same model differently. <c>LayerNorm.gamma</c> and <c>.beta</c> are the old names of
/// <c>weight</c> and <c>bias</c>; the name of the whole encoder in front (<c>bert.</c>, <c>transformer.</c>, <c>vision_model.</c>) stands in some
/// files only. The newer and longer names win. All is found by comparison of the names; there is no table of architectures.
/// </summary>
internal static class NameAliases
{
    /// <summary>For every checkpoint: the name in its file of every name in the merge.</summary>
    public static Dictionary<string, string>[] Resolve(IReadOnlyList<Checkpoint> checkpoints)
    {
        // Models with the same names have one dictionary between them.
        var known = new Dictionary<IReadOnlyList<string>, Dictionary<string, string>>(ReferenceEqualityComparer.Instance);
        var stored = new Dictionary<string, string>[checkpoints.Count];
        for (int i = 0; i < stored.Length; i++)
        {
            if (!known.TryGetValue(checkpoints[i].Names, out Dictionary<string, string>? same)) known.Add(checkpoints[i].Names, same = Modern(checkpoints[i].Names));
            stored[i] = same;
        }

        // All are compared as they are, so that the result does not depend on their order.
        (string Prefix, HashSet<string> Parts)?[] missing = [.. stored.Select((_, i) => MissingPrefix(stored, i))];
        for (int i = 0; i < stored.Length; i++)
        {
            if (missing[i] is { } found)
                stored[i] = stored[i].ToDictionary(n => found.Parts.Contains(FirstPart(n.Key)) ? found.Prefix + n.Key : n.Key, n => n.Value, StringComparer.Ordinal);
        }

        return stored;
    }

    /// <summary>The name up to its first dot.</summary>
    public static string FirstPart(string name) => name[..FirstPartLength(name)];

    public static int FirstPartLength(string name) => name.IndexOf('.', StringComparison.Ordinal) is >= 0 and var dot ? dot : name.Length;

    private static Dictionary<string, string> Modern(IReadOnlyList<string> names)
    {
        HashSet<string>? all = names.Any(IsOldName) ? new HashSet<string>(names, StringComparer.Ordinal) : null;
        return names.ToDictionary(n => all is null ? n : Modern(n, all), StringComparer.Ordinal);
    }

    private static string Modern(string name, HashSet<string> all)
    {
        // A layer scale is called gamma too, but has no beta beside it and is no LayerNorm.
        if (!IsOldName(name)) return name;
        string norm = name[..name.LastIndexOf('.')];
        bool old = (norm == "LayerNorm" || norm.EndsWith(".LayerNorm", StringComparison.Ordinal))
            && all.Contains($"{norm}.gamma") && all.Contains($"{norm}.beta") && !all.Contains($"{norm}.weight") && !all.Contains($"{norm}.bias");
        return !old ? name : name.EndsWith("gamma", StringComparison.Ordinal) ? $"{norm}.weight" : $"{norm}.bias";
    }

    private static bool IsOldName(string name) => name.EndsWith(".gamma", StringComparison.Ordinal) || name.EndsWith(".beta", StringComparison.Ordinal);

    /// <summary>The prefix with which most names of a model become those of another, and the first parts of names that get it.</summary>
    private static (string Prefix, HashSet<string> Parts)? MissingPrefix(Dictionary<string, string>[] models, int model)
    {
        Dictionary<string, string> own = models[model];
        HashSet<string>? ownParts = null;
        (string Prefix, HashSet<string> Parts)? best = null;
        int most = own.Count / 2;
        for (int other = 0; other < models.Length; other++)
        {
            if (ReferenceEquals(models[other], own)) continue;
            int direct = own.Keys.Count(models[other].ContainsKey);
            // No prefix makes more of them alike than all.
            if (direct == own.Count) continue;
            ownParts ??= own.Keys.Select(FirstPart).ToHashSet(StringComparer.Ordinal);
            foreach (IGrouping<string, string> part in models[other].Keys.GroupBy(FirstPart, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal))
            {
                if (part.Count() <= most || ownParts.Contains(part.Key)) continue;
                string prefix = part.Key + ".";
                int matches = own.Keys.Count(n => models[other].ContainsKey(prefix + n));
                if (matches <= Math.Max(most, direct)) continue;
                most = matches;
                HashSet<string> inside = part.Where(n => n.Length > prefix.Length).Select(n => FirstPart(n[prefix.Length..])).ToHashSet(StringComparer.Ordinal);
                inside.ExceptWith(models[other].Keys.Select(FirstPart));
                best = (prefix, inside);
            }
        }

        return best;
    }

    /// <summary>One line about a model's names that are not those of the merge; null if all are.</summary>
    public static string? NoteOf(string title, IReadOnlyDictionary<string, string> stored)
    {
        (string Name, string Stored)[] renamed = [.. stored.Where(n => n.Key != n.Value).Select(n => (n.Key, n.Value)).OrderBy(n => n.Key, StringComparer.Ordinal)];
        return renamed.Length == 0
            ? null
            : $"{title}: {renamed.Length} of {Counting.Of(stored.Count, "tensor")} {(renamed.Length == 1 ? "is" : "are")} read under older names, such as {Quoting.Quote(renamed[0].Stored)} for {Quoting.Quote(renamed[0].Name)}.";
    }
}
