using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace MergeEngine.Tensors.Safetensors;

/// <summary>
/// The few calls that .NET does not offer: what kind of file a path is without opening it, which file it is and when anything of it was changed, syncing a directory, giving two paths each
/// other's place in one step, and reading what the system has in memory.
/// </summary>
internal static partial class Posix
{
    /// <summary>What a path leads to. <see cref="Unknown"/> where the system cannot be asked.</summary>
    public enum FileKind
    {
        Unknown,
        Missing,
        Regular,
        Directory,
        Pipe,
        Device,
        Socket,
        LinkLoop,
    }

    /// <summary>
    /// Follows links. Opening a pipe or a device could wait for ever, so this must be known first. Linux only: statx has one layout on
    /// every processor, unlike stat.
    /// </summary>
    public static unsafe FileKind KindOf(string path)
    {
        if (!OperatingSystem.IsLinux()) return FileKind.Unknown;
        const int AtFdCwd = -100, TypeMask = 0x1, ModeOffset = 28, StructLength = 256;
        const int NoEntry = 2, NotADirectory = 20, TooManyLinks = 40;
        byte* buffer = stackalloc byte[StructLength];
        try
        {
            if (StatX(AtFdCwd, path, 0, TypeMask, buffer) != 0)
            {
                return Marshal.GetLastPInvokeError() switch
                {
                    NoEntry or NotADirectory => FileKind.Missing,
                    TooManyLinks => FileKind.LinkLoop,
                    _ => FileKind.Unknown,
                };
            }
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            return FileKind.Unknown;
        }

        return (*(ushort*)(buffer + ModeOffset) & 0xF000) switch
        {
            0x1000 => FileKind.Pipe,
            0x2000 or 0x6000 => FileKind.Device,
            0x4000 => FileKind.Directory,
            0x8000 => FileKind.Regular,
            0xC000 => FileKind.Socket,
            _ => FileKind.Unknown,
        };
    }

    /// <summary>Whether a path still leads to a file that was opened there, and not to a newer one or to none.</summary>
    /// <returns>True also where the system cannot be asked.</returns>
    public static bool IsAt(SafeFileHandle file, string path)
    {
        if (StatusOf(file) is not { } own) return true;
        return StatusOf(path) is { } other && (other.Inode, other.Device) == (own.Inode, own.Device);
    }

    /// <summary>When an open file's status was changed last, in nanoseconds since 1970, and which file it is; null where the system cannot be asked.</summary>
    public static (long Changed, ulong Inode, ulong Device)? StatusOf(SafeFileHandle file)
    {
        const int AtEmptyPath = 0x1000;
        bool held = false;
        try
        {
            file.DangerousAddRef(ref held);
            return Status((int)file.DangerousGetHandle(), "", AtEmptyPath);
        }
        finally
        {
            if (held) file.DangerousRelease();
        }
    }

    /// <summary>The same of the file that a path leads to; null also where there is none.</summary>
    public static (long Changed, ulong Inode, ulong Device)? StatusOf(string path)
    {
        const int AtFdCwd = -100;
        return Status(AtFdCwd, path, 0);
    }

    private static unsafe (long Changed, ulong Inode, ulong Device)? Status(int directory, string path, int flags)
    {
        if (!OperatingSystem.IsLinux()) return null;
        const int Mask = 0x180, InodeOffset = 32, ChangedOffset = 96, DeviceOffset = 136, StructLength = 256;
        const long Second = 1_000_000_000;
        byte* buffer = stackalloc byte[StructLength];
        try
        {
            if (StatX(directory, path, flags, Mask, buffer) != 0) return null;
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            return null;
        }

        long changed = (*(long*)(buffer + ChangedOffset) * Second) + *(uint*)(buffer + ChangedOffset + sizeof(long));
        return (changed, *(ulong*)(buffer + InodeOffset), *(ulong*)(buffer + DeviceOffset));
    }

    /// <summary>Makes a rename in the directory last through a power cut, where the system can.</summary>
    public static void SyncDirectory(string directory)
    {
        if (!OperatingSystem.IsLinux() && !OperatingSystem.IsMacOS()) return;
        int descriptor = Open(directory, 0);
        if (descriptor < 0) return;
        _ = FSync(descriptor); // Some file systems refuse; then there is nothing to do about it.
        _ = Close(descriptor);
    }

    /// <summary>Two directory entries change places: at every moment both names lead to something.</summary>
    /// <returns>False where the system or the file system cannot do that, or a path does not exist; then nothing has changed.</returns>
    public static bool Exchange(string first, string second)
    {
        const int AtFdCwd = -100;
        const uint RenameExchange = 2;
        if (!OperatingSystem.IsLinux()) return false;
        try
        {
            return RenameAt(AtFdCwd, first, AtFdCwd, second, RenameExchange) == 0;
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            return false;
        }
    }

    /// <summary>Reads where that takes no disk: all bytes are in the system's cache.</summary>
    /// <param name="file">Open for reading, and kept open by the caller.</param>
    /// <param name="destination">What is filled.</param>
    /// <param name="offset">Where in the file it begins.</param>
    /// <returns>False where bytes are not in memory, or the system or the file system cannot say; then what the destination holds is undefined.</returns>
    public static unsafe bool TryReadCached(SafeFileHandle file, Span<byte> destination, long offset)
    {
        const int NoWait = 8;
        if (!OperatingSystem.IsLinux() || !Environment.Is64BitProcess) return false;
        try
        {
            fixed (byte* target = destination)
            {
                nint* vector = stackalloc nint[] { (nint)target, destination.Length };
                return PReadV2((int)file.DangerousGetHandle(), vector, 1, offset, NoWait) == destination.Length;
            }
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            return false;
        }
    }

    [SupportedOSPlatform("linux")]
    [LibraryImport("libc", EntryPoint = "preadv2")]
    private static unsafe partial nint PReadV2(int file, nint* vectors, int count, long offset, int flags);

    [SupportedOSPlatform("linux")]
    [LibraryImport("libc", EntryPoint = "renameat2", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RenameAt(int firstDirectory, string first, int secondDirectory, string second, uint flags);

    [SupportedOSPlatform("linux")]
    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static unsafe partial int StatX(int directory, string path, int flags, uint mask, byte* buffer);

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int FSync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
