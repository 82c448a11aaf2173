namespace MergeEngine.Tensors.Safetensors;

/// <summary>Where a file may be written by renaming a finished one: not over a device or a pipe, whose place the file would take.</summary>
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
}
