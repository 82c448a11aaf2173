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

    private const long LargePage = 2 << 20;

    private const int ReadWrite = 3, PrivateAnonymous = 0x22, HugePages = 14;

    /// <summary>A block at a multiple of <paramref name="alignment"/>, which is a page's size at most; 0 if there is not so much memory.</summary>
    public static nint Allocate(long bytes, int alignment)
    {
        if (FromSystem(bytes))
        {
            return bytes < LargePage ? Mapped(bytes) : Advised(bytes);
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

    /// <summary>
    /// A block of pages of 2 MiB, where the system has them: the first touch of 4 KiB at a time costs as much as reading a file into them. It begins at a multiple of such a page, and
    /// what was mapped around it is given back.
    /// </summary>
    private static nint Advised(long bytes)
    {
        const long small = 4096;
        long whole = (bytes + small - 1) / small * small;
        nint mapped = Mapped(whole + LargePage);
        if (mapped == 0) return Mapped(bytes);
        long before = (LargePage - (mapped % LargePage)) % LargePage;
        nint block = mapped + (nint)before;
        if (before > 0) _ = Unmap(mapped, (nuint)before);
        _ = Unmap(block + (nint)whole, (nuint)(LargePage - before));

        // Refused, it changes nothing.
        _ = Advise(block, (nuint)bytes, HugePages);
        return block;
    }

    private static nint Mapped(long bytes)
    {
        nint block = Map(0, (nuint)bytes, ReadWrite, PrivateAnonymous, -1, 0);
        return block == -1 ? 0 : block;
    }

    private static bool FromSystem(long bytes) => bytes >= Large && OperatingSystem.IsLinux();

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int descriptor, nint offset);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint address, nuint length, int advice);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nuint length);
}
