namespace MergeEngine.Tensors.Safetensors;

/// <summary>
/// Names of what is written before it is renamed to its target: <c>.NAME.RANDOM.partial</c> beside it. A process that was killed leaves its own behind; whoever writes the same
/// target next removes it. What a writer still needs is locked until it is renamed (<see cref="StagingFile"/>, <see cref="StagingDirectory"/>) and stays, whichever process or thread it is of.
/// </summary>
public static class TemporaryName
{
    private const string Ending = ".partial";

    private const int MostCharacters = 50;

    /// <summary>A new name for a target, which nothing has.</summary>
    internal static string For(string target) => Path.Combine(DirectoryOf(target), $"{Start(target)}{Path.GetRandomFileName()}{Ending}");

    /// <summary>The file within a temporary directory that holds its lock.</summary>
    internal static string LockOf(string directory) => Path.Combine(directory, ".lock");

    /// <summary>Removes what killed processes have left of the target, as far as this one may.</summary>
    public static void RemoveLeft(string target)
    {
        string start = Start(target);
        try
        {
            foreach (string path in Directory.EnumerateFileSystemEntries(DirectoryOf(target)).Where(p => IsLeft(Path.GetFileName(p), start)).ToArray()) Remove(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // What cannot be seen or removed is in nobody's way.
        }
    }

    private static string DirectoryOf(string target)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(target));
        return Path.GetDirectoryName(full) ?? full;
    }

    /// <summary>Cut, as a name of 255 bytes has no room for more.</summary>
    private static string Start(string target) => $".{string.Concat(Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(target))).Take(MostCharacters))}.";

    /// <summary>Eight characters, a dot and three more stand between start and end: the same start may be that of another target's name.</summary>
    private static bool IsLeft(string name, string start) =>
        name.Length == start.Length + 12 + Ending.Length && name.StartsWith(start, StringComparison.Ordinal) && name.EndsWith(Ending, StringComparison.Ordinal) && name[start.Length + 8] == '.';

    private static void Remove(string path)
    {
        try
        {
            bool isDirectory = Directory.Exists(path);
            string held = isDirectory ? LockOf(path) : path;
            if (!File.Exists(held))
            {
                // A directory without a lock is being made or removed, or whoever did that was killed: whoever is at work finds it gone, and makes another.
                if (isDirectory) Directory.Delete(path);
                return;
            }

            // Names are never used twice: the file that is opened here is the one that is removed.
            using (new FileStream(held, FileMode.Open, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose))
            {
                if (isDirectory) Directory.Delete(path, recursive: true);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Somebody is writing it, or it is somebody else's.
        }
    }
}
