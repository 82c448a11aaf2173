using Microsoft.Win32.SafeHandles;

namespace MergeEngine.Tensors.Safetensors;

/// <summary>Opens untrusted paths for reading: never waits on a pipe, and says in one sentence why a path is no file.</summary>
internal static class RegularFile
{
    /// <exception cref="SafetensorsException">The path is missing, not a regular file, or cannot be read.</exception>
    public static SafeFileHandle OpenRead(string path, string expected, FileOptions options = FileOptions.None)
    {
        if (path.Length == 0 || path.Contains('\0'))
            throw new SafetensorsException($"The path {Quoting.Quote(path)} is not valid, expected {expected}.");
        string? complaint = Posix.KindOf(path) switch
        {
            Posix.FileKind.Missing => "does not exist",
            Posix.FileKind.Directory => "is a directory",
            Posix.FileKind.Pipe => "is a pipe",
            Posix.FileKind.Device => "is a device",
            Posix.FileKind.Socket => "is a socket",
            Posix.FileKind.LinkLoop => "is a symbolic link that leads to itself",
            Posix.FileKind.Unknown => ComplaintFromAttributes(path),
            _ => null,
        };
        if (complaint is not null) throw new SafetensorsException($"{path}: {complaint}, expected {expected}.");
        SafeFileHandle? file = null;
        try
        {
            // By who removes what killed writers left, while the file got its final name (TemporaryName.RemoveLeft).
            file = NameLock.Outwait(() => File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, options));
            OpenFileLimit.RequireRoom(file, path);
            return file;
        }
        catch (SafetensorsException)
        {
            file?.Dispose();
            throw;
        }
        catch (UnauthorizedAccessException e)
        {
            throw new SafetensorsException($"{path}: may not be read by this user, expected {expected}.", e);
        }
        catch (IOException e)
        {
            if (OpenFileLimit.IsCauseOf(e)) throw OpenFileLimit.Explain(path, e);
            throw new SafetensorsException($"{path}: cannot be opened ({e.Message.TrimEnd('.')}), expected {expected}.", e);
        }
    }

    /// <summary>Elsewhere than on Linux: a pipe or device has no length, and neither has a useful file.</summary>
    private static string? ComplaintFromAttributes(string path)
    {
        if (Directory.Exists(path)) return "is a directory";
        var info = new FileInfo(path);
        if (!info.Exists) return "does not exist";
        return info.LinkTarget is null && info.Length == 0 ? "is empty or not a regular file" : null;
    }
}
