using System.Globalization;
using System.Runtime.InteropServices;

namespace MergeEngine.Tensors;

/// <summary>
/// Memory of the host, zeroed where it is not a kernel's working memory. Large blocks come from the system and go back to it: the C library keeps freed blocks of some megabytes for itself, and a
/// program that is to stay within a limit would hold them beside those of other sizes. A <see cref="MemoryReuse"/> keeps them as long as it lasts, within what was in use before.
/// </summary>
internal static unsafe partial class HostMemory
{
    /// <summary>From here on a block is worth a call to the system.</summary>
    private const long Large = 1 << 20;

    private const long HugePage = 2 << 20;

    private const int ReadWrite = 3, PrivateAnonymous = 0x22, HugePages = 14;

    /// <summary>A block at a multiple of <paramref name="alignment"/>, which is a page's size at most; 0 if there is not so much memory.</summary>
    /// <param name="bytes">Its size.</param>
    /// <param name="alignment">Of its address.</param>
    /// <param name="isReused">Whether all of it will be gone through again and again, in strides too, after it was written: then large pages are asked for, of which the processor looks up fewer,
    /// and its content is undefined.</param>
    public static nint Allocate(long bytes, int alignment, bool isReused = false)
    {
        if (FromSystem(bytes))
        {
            nint block = MemoryReuse.Take(bytes, isReused);
            if (block != 0)
            {
                if (!isReused) NativeMemory.Clear((void*)block, (nuint)bytes);
                return block;
            }

            block = Map(0, (nuint)bytes, ReadWrite, PrivateAnonymous, -1, 0);
            if (block == -1)
            {
                MemoryReuse.Forget(bytes);
                return 0;
            }

            // A system that has none says no.
            if (isReused && bytes >= HugePage) _ = Advise(block, (nuint)bytes, HugePages);
            return block;
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

    /// <summary>
    /// Bytes that the host can give at this moment before it ends programs for want of memory: it hands out addresses beyond that, and memory only as it is written. What it cannot
    /// tell counts as enough.
    /// </summary>
    public static long Available()
    {
        // Of the machine, or of the container that this process runs in.
        GCMemoryInfo all = GC.GetGCMemoryInfo();
        long limit = all.TotalAvailableMemoryBytes > 0 ? all.TotalAvailableMemoryBytes : long.MaxValue;
        if (!OperatingSystem.IsLinux()) return limit;
        try
        {
            // "MemAvailable:   22020096 kB", and the same of swap.
            string[] lines = File.ReadAllLines("/proc/meminfo");
            return KibibytesOf(lines, "MemAvailable:") is { } memory ? Math.Min(limit, (memory + (KibibytesOf(lines, "SwapFree:") ?? 0)) << 10) : limit;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return limit;
        }
    }

    private static long? KibibytesOf(string[] lines, string name) =>
        lines.FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal)) is { } line
        && long.TryParse(line.AsSpan(name.Length).Trim().TrimEnd("kB ").TrimEnd(), NumberStyles.None, CultureInfo.InvariantCulture, out long number)
            ? number
            : null;

    /// <summary>Gives a block of so many bytes back.</summary>
    /// <param name="block">Its address.</param>
    /// <param name="bytes">Its size.</param>
    /// <param name="isReused">As it was allocated.</param>
    public static void Free(nint block, long bytes, bool isReused = false)
    {
        if (!FromSystem(bytes)) NativeMemory.AlignedFree((void*)block);
        else if (!MemoryReuse.Keep(block, bytes, isReused)) Return(block, bytes);
    }

    /// <summary>Gives a large block back to the system.</summary>
    internal static void Return(nint block, long bytes) => _ = Unmap(block, (nuint)bytes);

    private static bool FromSystem(long bytes) => bytes >= Large && OperatingSystem.IsLinux();

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int descriptor, nint offset);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint address, nuint length, int advice);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nuint length);
}
