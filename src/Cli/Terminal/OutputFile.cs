namespace MergeEngine.Cli.Terminal;

/// <summary>Writes text files under a temporary name beside their target and renames them: a reader never sees half a report.</summary>
internal static class OutputFile
{
    /// <exception cref="IOException">The directory is missing or cannot be written to.</exception>
    public static void Write(string path, string text)
    {
        RequirePossible(path);
        string full = Path.GetFullPath(path);
        string directory = Path.GetDirectoryName(full) ?? full;
        string temporary = Path.Combine(directory, $".{Path.GetRandomFileName()}.partial");
        try
        {
            File.WriteAllText(temporary, text);
            File.Move(temporary, full, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    /// <summary>Says before hours of work what would fail after them.</summary>
    /// <exception cref="IOException">The path is a directory, or lies in none.</exception>
    public static void RequirePossible(string path)
    {
        if (Directory.Exists(path)) throw new IOException($"{path}: is a directory, expected the name of a file to write.");
        if (!Directory.Exists(Path.GetDirectoryName(Path.GetFullPath(path)))) throw new IOException($"{path}: cannot be written because its directory does not exist.");
    }
}
