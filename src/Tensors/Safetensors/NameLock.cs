namespace MergeEngine.Tensors.Safetensors;

/// <summary>
/// A name that one writer has at a time, of this process or of another: an empty file, held open with a lock, which the system drops with the process. What a killed process leaves
/// of it locks nobody out, and the next writer takes it over.
/// </summary>
/// <remarks>
/// The file goes with its holder. Whoever opened it just before then has locked a file without a name, beside which another may stand by now, so the lock counts only while its file still
/// stands at its path. Where a file system has no locks, as some that are mounted over a network, nobody is locked out.
/// </remarks>
public sealed class NameLock : IDisposable
{
    // EWOULDBLOCK of Linux and of BSD, ERROR_SHARING_VIOLATION.
    private static readonly int[] s_held = [11, 35, unchecked((int)0x80070020)];

    private readonly FileStream _file;

    private NameLock(FileStream file) => _file = file;

    /// <summary>Takes a name, or says at once that somebody has it.</summary>
    /// <param name="path">The file to lock, in a directory that exists.</param>
    /// <returns>Null where somebody has it.</returns>
    /// <exception cref="IOException">The file cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not make it.</exception>
    public static NameLock? TryTake(string path)
    {
        // Windows removes no file that is open; elsewhere the closing of a file that has lost its place would remove the one that stands there.
        FileOptions ending = OperatingSystem.IsWindows() ? FileOptions.DeleteOnClose : FileOptions.None;
        while (true)
        {
            FileStream file;
            try
            {
                file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, ending);
            }
            catch (IOException e) when (IsHeld(e))
            {
                return null;
            }

            if (Posix.IsAt(file.SafeFileHandle, path)) return new NameLock(file);
            file.Dispose();
        }
    }

    /// <summary>Takes a name as soon as nobody else has it: for work of moments.</summary>
    /// <param name="path">The file to lock, in a directory that exists.</param>
    /// <inheritdoc cref="TryTake(string)" path="/exception"/>
    public static NameLock Take(string path)
    {
        while (true)
        {
            if (TryTake(path) is { } taken) return taken;
            Thread.Sleep(2);
        }
    }

    public void Dispose()
    {
        if (!_file.CanRead) return;
        // Before it is unlocked: afterwards it may be another's.
        if (!OperatingSystem.IsWindows()) File.Delete(_file.Name);
        _file.Dispose();
    }

    /// <summary>Opens a file that somebody who only looks may hold for a moment; whoever keeps it longer than some 50 milliseconds is not waited for.</summary>
    /// <param name="open">Opens it.</param>
    /// <exception cref="IOException">Somebody keeps it locked, or it cannot be opened.</exception>
    public static T Outwait<T>(Func<T> open)
    {
        ArgumentNullException.ThrowIfNull(open);
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return open();
            }
            catch (IOException e) when (IsHeld(e) && attempt <= 10)
            {
                Thread.Sleep(attempt);
            }
        }
    }

    /// <summary>Whether a file could not be opened because somebody has locked it.</summary>
    public static bool IsHeld(IOException exception) => s_held.Contains(exception.HResult);
}
