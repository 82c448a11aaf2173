using System.Text;
using MergeEngine.Cli.CommandLine;

namespace MergeEngine.Cli.Terminal;

/// <summary>Names of what is written, as the system has them.</summary>
internal static class OutputName
{
    /// <summary>What the runtime puts in place of bytes that are not UTF-8, in arguments and in the name of the working directory: a file would be written under another name than was given.</summary>
    private const char Replacement = '\uFFFD';

    /// <summary>Of file systems, in bytes of UTF-8; NTFS has as many UTF-16 units.</summary>
    private const int MostLength = 255;

    private const int StartLength = 50;

    /// <summary>The name without its directory, cut so that there is room for more in a name that begins with it. Two names may have the same start.</summary>
    public static string Start(string path)
    {
        string name = Path.GetFileName(path);
        return name.Length <= StartLength ? name : name[..(char.IsHighSurrogate(name[StartLength - 1]) ? StartLength - 1 : StartLength)];
    }

    /// <param name="path">The file or directory that will be written.</param>
    /// <exception cref="IOException">No file system has names as long as its last part.</exception>
    public static void RequireShort(string path)
    {
        string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(path));
        int length = OperatingSystem.IsWindows() ? name.Length : Encoding.UTF8.GetByteCount(name);
        if (length > MostLength)
            throw new IOException($"{path}: cannot be written because the last part of its name has {length} {(OperatingSystem.IsWindows() ? "characters" : "bytes")}, expected at most {MostLength}.");
    }

    /// <param name="path">The file or directory that will be written; null for what was left out.</param>
    /// <exception cref="UsageException">Its name, or that of the directory it lies in, is not known.</exception>
    public static void RequireKnown(string? path)
    {
        if (path is not { Length: > 0 } || !Path.GetFullPath(path).Contains(Replacement, StringComparison.Ordinal)) return;
        string whose = path.Contains(Replacement, StringComparison.Ordinal) ? "its name" : "the name of the working directory";
        throw new UsageException($"{path}: cannot be written because {whose} has bytes that are not UTF-8, or the character U+FFFD that stands for them, expected a name in UTF-8 without it.");
    }
}
