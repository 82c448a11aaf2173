using System.Runtime.CompilerServices;

namespace MergeEngine.Tensors.Cuda.Kernels;

/// <summary>A kernel of <c>native/kernels.cu</c>: its name and block size there, and the layout of its one argument struct.</summary>
internal abstract class Kernel(string name, int threads, int argumentBytes)
{
    private static int s_count;

    /// <summary>Exported name.</summary>
    public string Name { get; } = name;

    /// <summary>Threads of a block, as in its launch bounds.</summary>
    public int Threads { get; } = threads;

    /// <summary>Size of the argument struct; a test compares it with the compiled code.</summary>
    public int ArgumentBytes { get; } = argumentBytes;

    /// <summary>Place in a module's table of functions.</summary>
    public int Index { get; } = Interlocked.Increment(ref s_count) - 1;
}

/// <inheritdoc/>
/// <typeparam name="TArguments">The struct that the kernel takes by value: same fields, same order, pointers as <see langword="nint"/>.</typeparam>
internal sealed class Kernel<TArguments>(string name, int threads) : Kernel(name, threads, Unsafe.SizeOf<TArguments>())
    where TArguments : unmanaged;

/// <summary>Blocks of a launch.</summary>
internal readonly record struct Grid(int X, int Y = 1, int Z = 1)
{
    /// <summary>Enough blocks of <paramref name="threads"/> for <paramref name="count"/> elements, <paramref name="perThread"/> each.</summary>
    public static Grid Over(long count, int threads, int perThread = 1) => new(checked((int)((count + ((long)threads * perThread) - 1) / ((long)threads * perThread))));
}
