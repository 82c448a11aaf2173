namespace MergeEngine.Tensors.Safetensors;

/// <summary>
/// Writes a file under a temporary name beside its target, syncs it to the disk and renames it: a reader sees the old file or the whole
/// new one, of several writers at once that of the last. A symbolic link at the target is replaced, what it leads to is left alone.
/// </summary>
internal static class AtomicFile
{
    /// <param name="path">The target.</param>
    /// <param name="length">How many bytes will be written: a full disk is noticed before the first of them.</param>
    /// <param name="write">Writes them. When it throws, the temporary file is removed and the target is as it was.</param>
    /// <exception cref="SafetensorsException">The target's directory cannot be written to.</exception>
    public static void Write(string path, long length, Action<Stream> write)
    {
        string full = Path.GetFullPath(path);
        if (OutputTarget.ComplaintOf(full) is { } complaint) throw new SafetensorsException($"{path}: {complaint}, expected the name of a file to write.");
        string directory = Path.GetDirectoryName(full) ?? full;
        if (!Directory.Exists(directory)) throw new SafetensorsException($"{path}: cannot be written because its directory does not exist.");
        TemporaryName.RemoveLeft(full);
        try
        {
            using (StagingFile temporary = StagingFile.Create(full, length))
            {
                write(temporary.Stream);
                temporary.MoveToTarget();
            }

            Posix.SyncDirectory(directory);
        }
        catch (Exception e) when (e is UnauthorizedAccessException || (e is IOException && e is not SafetensorsException))
        {
            throw new SafetensorsException($"{path}: cannot be written ({OutputTarget.ReasonOf(e)}).", e);
        }
    }
}
