using System.Globalization;

namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>How a memory limit is spent.</summary>
internal sealed record MemoryPlan
{
    /// <summary>What the program takes whatever it merges: code, run time, the garbage collector's room, threads, headers.</summary>
    public const long Program = 96L << 20;

    /// <summary>What chunks get at least: a limit below this and the program is kept as well as it can be.</summary>
    public const long Least = 16L << 20;

    /// <summary>
    /// Large enough for the disk's full rate and for a kernel's start not to count; small enough that what one thread reads is in its cache when it computes.
    /// </summary>
    public const int UsualChunk = 4 << 20;

    /// <param name="options">What was asked for.</param>
    public MemoryPlan(ExecutionOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.MemoryLimit);
        ArgumentOutOfRangeException.ThrowIfNegative(options.Threads);
        Threads = options.Threads == 0 ? Environment.ProcessorCount : options.Threads;
        Budget = Math.Max(Least, options.MemoryLimit - Program);
        ChunkBytes = (int)Math.Min(options.ChunkBytes, Math.Max(Math.Min(Budget, options.MemoryLimit) / (4L * Threads), 4 << 10));
        HeldBytes = Budget / Math.Min(Threads, 8);
    }

    public int Threads { get; }

    /// <summary>Bytes for chunks and for what methods hold.</summary>
    public long Budget { get; }

    /// <summary>Bytes that a chunk of all inputs and the output should take.</summary>
    public int ChunkBytes { get; }

    /// <summary>A tensor that is read several times stays in memory if it takes no more than this.</summary>
    public long HeldBytes { get; }

    /// <summary>The limit that leaves so many bytes, for people.</summary>
    public static string LimitFor(long needed) => string.Create(CultureInfo.InvariantCulture, $"{(needed + Program + (1 << 20) - 1) >> 20} MiB");
}
