namespace MergeEngine.Tensors.Safetensors;

/// <summary>
/// Where a file may be written by renaming a finished one (not over a device or a pipe, whose place the file would take), and how a
/// finished directory takes the place of an older one.
/// </summary>
public static class OutputTarget
{
    /// <returns>Why no file can stand at the path, as the rest of a sentence; null if one can, or stands there already.</returns>
    public static string? ComplaintOf(string path) => Posix.KindOf(path) switch
    {
        Posix.FileKind.Directory => "is a directory",
        Posix.FileKind.Pipe => "is a pipe",
        Posix.FileKind.Device => "is a device",
        Posix.FileKind.Socket => "is a socket",
        Posix.FileKind.Unknown when Directory.Exists(path) => "is a directory",
        // /dev/stdout and its like, where stdout is a file: the link would be replaced, and nothing arrive on stdout.
        _ when new FileInfo(path).LinkTarget?.StartsWith("/proc/", StringComparison.Ordinal) == true => "is a link to what the process has open",
        _ => null,
    };

    /// <summary>What the system said of a file that could not be written, without its name: it is a temporary one, which is gone by now.</summary>
    /// <returns>The rest of a sentence, such as <c>No space left on device</c>.</returns>
    public static string ReasonOf(Exception exception)
    {
        ArgumentNullException.ThrowIfNull(exception);
        while (exception.InnerException is IOException or UnauthorizedAccessException) exception = exception.InnerException;
        // How .NET says it of a whole file that does not fit, and of one that stops fitting.
        if (exception.Message.Contains("because the disk was full", StringComparison.Ordinal)) return "No space left on device";
        if (exception.Message.Contains("because the file was too large", StringComparison.Ordinal)) return "File too large";
        int name = exception.Message.IndexOf(" : '", StringComparison.Ordinal);
        return (name > 0 ? exception.Message[..name] : exception.Message).TrimEnd('.');
    }

    /// <summary>
    /// A directory takes the place of another, which ends up at the first one's path. Where the system can (Linux), in one step: there is
    /// no moment in which the target does not exist. Elsewhere the older one is moved aside first.
    /// </summary>
    /// <exception cref="IOException">They cannot be moved; both are where they were, as far as the system lets them be moved back.</exception>
    /// <exception cref="UnauthorizedAccessException">They may not be moved by this user.</exception>
    public static void ExchangeDirectories(string finished, string target)
    {
        if (Posix.Exchange(finished, target)) return;
        string aside = $"{finished}.older";
        Directory.Move(target, aside);
        try
        {
            Directory.Move(finished, target);
        }
        catch
        {
            Directory.Move(aside, target);
            throw;
        }

        Directory.Move(aside, finished);
    }

    /// <summary>Makes renames in a directory last through a power cut, where the system can.</summary>
    public static void SyncDirectory(string directory) => Posix.SyncDirectory(directory);
}
