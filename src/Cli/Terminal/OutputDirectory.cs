using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Terminal;

/// <summary>
/// Writes a directory of results in one go: everything goes to a new directory beside it, which is renamed at the end, so that nothing that
/// looks finished is left by work that was stopped. Nothing that stood there before is ever deleted.
/// </summary>
internal static class OutputDirectory
{
    /// <summary>Says before hours of work what would fail after them.</summary>
    /// <param name="path">Where the output will go.</param>
    /// <param name="overwrite">True to write over what is there.</param>
    /// <param name="ours">True for a directory that holds an older output of the same work: it may be written over.</param>
    /// <param name="inputs">Files and directories that the work reads: they are not written over.</param>
    /// <exception cref="IOException">There is something in the way, or the path is an input.</exception>
    public static void RequireFree(string path, bool overwrite, bool ours = false, params IEnumerable<string?> inputs)
    {
        OutputName.RequireKnown(path);
        OutputName.RequireShort(path);
        if (IsFile(path))
        {
            OutputFile.RequireFree(path, overwrite, inputs);
            return;
        }

        if (File.Exists(path)) throw new IOException($"{path}: is a file, expected the name of a directory to write.");
        InputGuard.Require(path, inputs);
        OutputFile.RequireWritable(path, Holder(path));
        if (Directory.Exists(path)) OutputFile.RequireWritable(path, path);
        if (!overwrite && !ours && Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any())
            throw new IOException($"{path}: exists already and is not empty; --overwrite replaces files in it.");
        InputGuard.NotePlace(path, inputs);
    }

    /// <param name="path">A name that ends in .safetensors, or a directory.</param>
    /// <param name="write">Is given the name to write to.</param>
    public static void Write(string path, Action<string> write)
    {
        if (IsFile(path))
        {
            // The writer of safetensors files renames by itself.
            write(path);
            return;
        }

        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        string parent = Path.GetDirectoryName(full) ?? full;
        Directory.CreateDirectory(parent);
        TemporaryName.RemoveLeft(full);
        using StagingDirectory temporary = StagingDirectory.Create(full);
        try
        {
            write(temporary.Content);
            // The files of two that end at once do not mix: the last one's stand over the other's.
            using NameLock publishing = NameLock.Take(Path.Combine(parent, $".{OutputName.Start(full)}.publishing"));
            if (!Directory.Exists(full)) Directory.Move(temporary.Content, full);
            else MoveInto(temporary.Content, full);
        }
        catch (Exception e) when ((e is IOException or UnauthorizedAccessException) && e.Message.Contains(temporary.Content, StringComparison.Ordinal))
        {
            // The temporary name means nothing to anyone, and is gone by now.
            throw new IOException($"{path}: cannot be written ({OutputTarget.ReasonOf(e)}).", e);
        }
    }

    /// <summary>The nearest directory above that exists already.</summary>
    private static string Holder(string path)
    {
        string? holder = Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)));
        while (holder is not null && !Directory.Exists(holder))
        {
            if (File.Exists(holder)) throw new IOException($"{path}: cannot be written because {holder} is a file.");
            holder = Path.GetDirectoryName(holder);
        }

        return holder ?? Path.GetFullPath(path);
    }

    private static bool IsFile(string path) => path.EndsWith(".safetensors", StringComparison.Ordinal) && !Directory.Exists(path);

    /// <summary>Files of directories in it too, such as the pooling of sentence-transformers.</summary>
    private static void MoveInto(string from, string to)
    {
        foreach (string file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Move(file, target, overwrite: true);
        }
    }
}
