using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Terminal;

/// <summary>Writes text files under a temporary name beside their target and renames them: a reader never sees half a report.</summary>
internal static class OutputFile
{
    /// <exception cref="IOException">The directory is missing or cannot be written to.</exception>
    public static void Write(string path, string text)
    {
        RequirePossible(path);
        string full = Path.GetFullPath(path);
        TemporaryName.RemoveLeft(full);
        using StagingDirectory temporary = StagingDirectory.Create(full);
        string written = Path.Combine(temporary.Content, Path.GetFileName(full));
        File.WriteAllText(written, text);
        File.Move(written, full, overwrite: true);
    }

    /// <summary>Says before hours of work what would fail after them.</summary>
    /// <param name="path">The file that will be written.</param>
    /// <param name="inputs">Files and directories that the work reads: they are not written over. Null for an option that was left out.</param>
    /// <exception cref="IOException">The path is a directory, a device or an input, or lies where nothing can be written.</exception>
    public static void RequirePossible(string path, params IEnumerable<string?> inputs)
    {
        OutputName.RequireKnown(path);
        OutputName.RequireShort(path);
        if (OutputTarget.ComplaintOf(path) is { } complaint) throw new IOException($"{path}: {complaint}, expected the name of a file to write.");
        string full = Path.GetFullPath(path), directory = Path.GetDirectoryName(full) ?? full;
        if (!Directory.Exists(directory)) throw new IOException($"{path}: cannot be written because its directory does not exist.");
        InputGuard.Require(path, inputs);
        RequireWritable(path, directory);
        InputGuard.NotePlace(path, inputs);
    }

    /// <summary>As <see cref="RequirePossible"/>, for a file that is not made anew as a matter of course: an older one is only replaced when that was asked for.</summary>
    /// <param name="path">The file that will be written.</param>
    /// <param name="overwrite">True to replace a file that is there.</param>
    /// <param name="inputs">Files and directories that the work reads.</param>
    /// <exception cref="IOException">The path cannot be written to, or there is a file.</exception>
    public static void RequireFree(string path, bool overwrite, params IEnumerable<string?> inputs)
    {
        RequirePossible(path, inputs);
        if (File.Exists(path) && !overwrite) throw new IOException($"{path}: exists already; --overwrite replaces it.");
    }

    /// <summary>Tries to make a file in a directory.</summary>
    /// <param name="path">What is to be written, for the message.</param>
    /// <param name="directory">A directory that exists.</param>
    /// <exception cref="IOException">It cannot be done.</exception>
    public static void RequireWritable(string path, string directory)
    {
        string probe = Path.Combine(directory, $".{Path.GetRandomFileName()}.partial");
        try
        {
            using FileStream file = new(probe, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new IOException($"{path}: cannot be written because this user may not write in {directory}.", exception);
        }
        catch (IOException exception)
        {
            throw new IOException($"{path}: cannot be written because no file can be made in {directory}.", exception);
        }
    }
}
