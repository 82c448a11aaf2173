using System.Runtime.InteropServices;

namespace MergeEngine.Tensors;

/// <summary>
/// Zeroed memory of the host. Large blocks come from the system and go back to it: the C library keeps freed blocks of some megabytes for itself, and a
/// program that is to stay within a limit would hold them beside those of other sizes.
/// </summary>
internal static unsafe partial class HostMemory
{
    /// <summary>From here on a block is worth a call to the system.</summary>
    private const long Large = 1 << 20;

    private const int ReadWrite = 3, PrivateAnonymous = 0x22;

    /// <summary>A block at a multiple of <paramref name="alignment"/>, which is a page's size at most; 0 if there is not so much memory.</summary>
    public static nint Allocate(long bytes, int alignment)
    {
        if (FromSystem(bytes))
        {
            nint block = Map(0, (nuint)bytes, ReadWrite, PrivateAnonymous, -1, 0);
            return block == -1 ? 0 : block;
        }

        try
        {
            void* memory = NativeMemory.AlignedAlloc((nuint)Math.Max(bytes, 1), (nuint)alignment);
            NativeMemory.Clear(memory, (nuint)bytes);
            return (nint)memory;
        }
        catch (OutOfMemoryException)
        {
            return 0;
        }
    }

    /// <summary>Gives a block of so many bytes back.</summary>
    public static void Free(nint block, long bytes)
    {
        if (FromSystem(bytes)) _ = Unmap(block, (nuint)bytes);
        else NativeMemory.AlignedFree((void*)block);
    }

    private static bool FromSystem(long bytes) => bytes >= Large && OperatingSystem.IsLinux();

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int descriptor, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nuint length);
}
