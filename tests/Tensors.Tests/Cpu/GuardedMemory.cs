using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Tests.Cpu;

/// <summary>Floats that end where a page without access begins: to read one float too many ends the process.</summary>
internal sealed unsafe partial class GuardedMemory : IDisposable
{
    private readonly nint _start;
    private readonly nuint _size;

    public GuardedMemory(int floats, int seed)
    {
        nuint page = (nuint)Environment.SystemPageSize, used = ((nuint)floats * sizeof(float) + page - 1) / page * page;
        _size = used + page;
        _start = Map(0, _size, ReadWrite, PrivateAnonymous, -1, 0);
        if (_start == -1 || Protect(_start + (nint)used, page, 0) != 0)
            throw new InvalidOperationException($"No guarded memory: error {Marshal.GetLastPInvokeError()}.");
        Values = (float*)(_start + (nint)used) - floats;
        var random = new Random(seed);
        for (int i = 0; i < floats; i++)
            Values[i] = random.NextSingle() * 2 - 1;
    }

    private const int ReadWrite = 3;
    private const int PrivateAnonymous = 0x22;

    /// <summary>The numbers of these calls' flags are Linux's.</summary>
    public static bool IsAvailable => OperatingSystem.IsLinux();

    public float* Values { get; }

    public void Dispose() => _ = Unmap(_start, _size);

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect", SetLastError = true)]
    private static partial int Protect(nint address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int Unmap(nint address, nuint length);
}
