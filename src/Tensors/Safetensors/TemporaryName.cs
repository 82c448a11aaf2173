namespace MergeEngine.Tensors.Safetensors;

/// <summary>
/// Names of what is written before it is renamed to its target: <c>.NAME.RANDOM.partial</c> beside it. A process that was killed leaves its own behind; whoever writes the same
/// target next removes it. What a process is still writing is held open with a lock, which the system drops with the process, and stays.
/// </summary>
public static class TemporaryName
{
    private const string Ending = ".partial";

    private const int MostCharacters = 50;

    /// <summary>The file within a temporary directory that holds its lock.</summary>
    private const string LockName = ".lock";

    /// <summary>A new name for a target, which nothing has.</summary>
    public static string For(string target) => Path.Combine(DirectoryOf(target), $"{Start(target)}{Path.GetRandomFileName()}{Ending}");

    /// <summary>Makes a temporary directory's lock. It is removed when it is closed, which must be before the directory is renamed.</summary>
    /// <param name="directory">A directory with a name from <see cref="For"/>.</param>
    public static IDisposable Lock(string directory) =>
        new FileStream(Path.Combine(directory, LockName), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);

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
            string held = isDirectory ? Path.Combine(path, LockName) : path;
            // A directory without a lock is being made, or renamed.
            if (!File.Exists(held)) return;
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
