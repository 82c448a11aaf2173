namespace MergeEngine.Tensors.Safetensors;

/// <summary>A directory beside its target (<see cref="TemporaryName"/>) that is locked until its content has been moved away: nobody takes it for what a killed process left.</summary>
public sealed class StagingDirectory : IDisposable
{
    private readonly string _path;
    private readonly FileStream _lock;

    private StagingDirectory(string path, FileStream held)
    {
        (_path, _lock) = (path, held);
        Content = Path.Combine(path, "content");
        Directory.CreateDirectory(Content);
    }

    /// <summary>An empty directory to write to, which can be renamed as it is.</summary>
    public string Content { get; }

    /// <param name="target">What will be written; the directory that it lies in exists.</param>
    /// <exception cref="IOException">It cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not make it.</exception>
    public static StagingDirectory Create(string target)
    {
        while (true)
        {
            string path = TemporaryName.For(target), held = TemporaryName.LockOf(path);
            Directory.CreateDirectory(path);
            try
            {
                var stream = new FileStream(held, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
                // Made and not yet locked it looked like something left: then it is gone, or going.
                if (File.Exists(held)) return new StagingDirectory(path, stream);
                stream.Dispose();
            }
            catch (IOException e) when (e is DirectoryNotFoundException || NameLock.IsHeld(e))
            {
                // The same, in the midst of it.
            }
        }
    }

    /// <summary>Removes what is still there.</summary>
    public void Dispose()
    {
        if (!_lock.CanRead) return;
        if (Directory.Exists(Content)) Directory.Delete(Content, recursive: true);
        _lock.Dispose();
        try
        {
            Directory.Delete(_path);
        }
        catch (DirectoryNotFoundException)
        {
            // Without its lock it looked like something left.
        }
    }
}
