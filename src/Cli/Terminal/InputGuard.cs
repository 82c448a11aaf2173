using MergeEngine.Cli.CommandLine;
using MergeEngine.Merging.Streaming.Files;

namespace MergeEngine.Cli.Terminal;

/// <summary>Keeps every command from writing over what it reads, by whatever names and links the two were given.</summary>
internal static class InputGuard
{
    /// <param name="path">The file or directory that will be written.</param>
    /// <param name="inputs">Files and directories that are read, with all files that lie in such a directory. Null for what was left out.</param>
    /// <exception cref="IOException">The path is an input, or a file that is there and lies in one.</exception>
    public static void Require(string path, params IEnumerable<string?> inputs)
    {
        if (path.Length == 0 || !Path.Exists(path)) return;
        string[] targets = PlacesOf(path);
        string[] holders = File.Exists(path) ? [.. targets.Select(target => Path.GetDirectoryName(target) ?? target)] : [];
        foreach (string? input in inputs)
        {
            if (input is not { Length: > 0 } || !Path.Exists(input)) continue;
            string[] places = PlacesOf(input);
            // A file in a model's or a dataset's directory is one of its files.
            if (places.Any(targets.Contains) || (Directory.Exists(input) && places.Any(holders.Contains)))
                throw new IOException($"{path}: is an input of this command, expected another {(Directory.Exists(path) ? "directory" : "file")} to write.");
        }
    }

    /// <summary>Says on stderr that an output would stand within a directory that is read, where it is in the way of whoever reads that as a whole.</summary>
    /// <param name="path">The file or directory that will be written.</param>
    /// <param name="inputs">Files and directories that are read. Null for what was left out.</param>
    public static void NotePlace(string path, params IEnumerable<string?> inputs)
    {
        string target = PlacesOf(path)[0];
        foreach (string? input in inputs)
        {
            if (input is not { Length: > 0 } || !Directory.Exists(input) || RealPath.Of(input) is not { } holder) continue;
            if (!target.StartsWith(Path.TrimEndingDirectorySeparator(holder) + Path.DirectorySeparatorChar, StringComparison.Ordinal)) continue;
            CommandContext.Note(Printable.Of($"{path}: lies within {input}, an input of this command: a copy of that directory takes it along."));
            return;
        }
    }

    /// <summary><see cref="Require"/> for files that a command writes into a directory.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="names">Names of the files.</param>
    /// <param name="inputs">Files that are read.</param>
    /// <exception cref="IOException">A file of them is an input.</exception>
    public static void RequireIn(string directory, IEnumerable<string> names, params string?[] inputs)
    {
        foreach (string name in names) Require(Path.Combine(directory, name), inputs);
    }

    /// <summary>Where an entry stands, and where it leads if it is a link: a file takes a link's place, a directory is written to through it.</summary>
    private static string[] PlacesOf(string path)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        string place = Path.GetDirectoryName(full) is { } holder ? Path.Combine(RealPath.Of(holder) ?? holder, Path.GetFileName(full)) : full;
        return [place, RealPath.Of(full) ?? full];
    }
}
