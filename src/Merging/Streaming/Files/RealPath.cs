namespace MergeEngine.Merging.Streaming.Files;

/// <summary>A path with every link in it resolved, so that two paths can be compared.</summary>
public static class RealPath
{
    // As many as Linux follows.
    private const int MostLinks = 40;

    /// <summary>The path without links; null if there are too many of them, as in a loop.</summary>
    public static string? Of(string path)
    {
        int links = 0;
        return Resolve(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)), ref links);
    }

    private static string? Resolve(string path, ref int links)
    {
        string root = Path.GetPathRoot(path)!, current = root;
        foreach (string part in path[root.Length..].Split(Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries))
        {
            string next = Path.Combine(current, part);
            if (new FileInfo(next).LinkTarget is { } target)
            {
                // Relative to the directory that the link really stands in.
                if (++links > MostLinks || Resolve(Path.GetFullPath(target, current), ref links) is not { } resolved) return null;
                next = resolved;
            }

            current = next;
        }

        return current;
    }
}
