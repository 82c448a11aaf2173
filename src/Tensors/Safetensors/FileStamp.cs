using Microsoft.Win32.SafeHandles;

namespace MergeEngine.Tensors.Safetensors;

/// <summary>What the system notes of a file, by which a change shows without a look at its bytes.</summary>
/// <param name="Length">Bytes.</param>
/// <param name="Modified">When its bytes were changed last, in UTC. Anyone may set it: copies often keep it, and <c>touch</c> puts it back.</param>
/// <param name="Changed">
/// When anything of it was changed last, in nanoseconds since 1970: bytes, but names, owner and rights too. Nobody can set it. 0 where the system does not tell, which is elsewhere
/// than on Linux.
/// </param>
/// <param name="Inode">Which file of its file system it is; 0 where the system does not tell.</param>
/// <param name="Device">Which file system; 0 where the system does not tell.</param>
public readonly record struct FileStamp(long Length, DateTime Modified, long Changed, ulong Inode, ulong Device)
{
    /// <summary>Whether the bytes are the same ones as far as <see cref="Length"/> and <see cref="Modified"/> tell.</summary>
    public bool HasLengthAndTimeOf(FileStamp other) => Length == other.Length && Modified == other.Modified;

    /// <summary>The stamp of an open file, which may have lost its name since.</summary>
    public static FileStamp Of(SafeFileHandle file)
    {
        (long changed, ulong inode, ulong device) = Posix.StatusOf(file) ?? default;
        return new FileStamp(RandomAccess.GetLength(file), File.GetLastWriteTimeUtc(file), changed, inode, device);
    }

    /// <summary>The stamp of the file that a path leads to now; null where there is none.</summary>
    public static FileStamp? At(string path)
    {
        if (!File.Exists(path)) return null;
        var info = new FileInfo(path);
        FileInfo file = info.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? info;
        if (!file.Exists) return null;
        (long changed, ulong inode, ulong device) = Posix.StatusOf(path) ?? default;
        return new FileStamp(file.Length, file.LastWriteTimeUtc, changed, inode, device);
    }
}
