namespace MergeEngine.Tensors.Safetensors;

/// <summary>A file beside its target (<see cref="TemporaryName"/>) that is locked until it has its target's name: nobody takes it for what a killed process left.</summary>
internal sealed class StagingFile : IDisposable
{
    // Shared, so that a reader who opens the target while it is still held is not turned away; whoever removes what is left asks for a lock of its own.
    private const FileShare Sharing = FileShare.ReadWrite | FileShare.Delete;

    private readonly string _path;
    private readonly string _target;
    private readonly FileStream _guard;
    private bool _moved;

    private StagingFile(string path, string target, FileStream stream, FileStream guard) => (_path, _target, Stream, _guard) = (path, target, stream, guard);

    /// <summary>To write to.</summary>
    public FileStream Stream { get; }

    /// <param name="target">The full path of the file to write.</param>
    /// <param name="length">Bytes for which room is taken.</param>
    /// <exception cref="IOException">The file cannot be made, or the disk is too small.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not make it.</exception>
    public static StagingFile Create(string target, long length)
    {
        while (true)
        {
            string path = TemporaryName.For(target);
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = Sharing, BufferSize = 1 << 16, PreallocationSize = length };
            FileStream? stream = null, guard = null;
            try
            {
                stream = new FileStream(path, options);
                // Network file systems take a shared lock from whoever reads only.
                guard = new FileStream(path, FileMode.Open, FileAccess.Read, Sharing, 1);
                // Made and not yet locked it looked like something left: then it is gone, or going.
                if (File.Exists(path)) return new StagingFile(path, target, stream, guard);
            }
            catch (IOException e) when (e is FileNotFoundException || NameLock.IsHeld(e))
            {
                // The same, in the midst of it.
            }
            catch
            {
                stream?.Dispose();
                if (stream is not null) File.Delete(path);
                throw;
            }

            guard?.Dispose();
            stream?.Dispose();
        }
    }

    /// <summary>Syncs the file to the disk and gives it its target's name, over what has it.</summary>
    public void MoveToTarget()
    {
        Stream.Flush(flushToDisk: true);
        File.Move(_path, _target, overwrite: true);
        _moved = true;
    }

    /// <summary>Closes the file. Without its target's name it is removed.</summary>
    public void Dispose()
    {
        try
        {
            Stream.Dispose();
        }
        finally
        {
            _guard.Dispose();
            if (!_moved) File.Delete(_path);
        }
    }
}
