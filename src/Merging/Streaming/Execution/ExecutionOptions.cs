using MergeEngine.Merging.Streaming.Profiling;
using MergeEngine.Tensors;

namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>How a merge is computed. Nothing here changes a bit of the result, but for the device where it says so.</summary>
public sealed record ExecutionOptions
{
    /// <summary>Resident memory of the whole process where nothing else was asked for.</summary>
    public const long DefaultMemoryLimit = 512L << 20;

    /// <summary>Where the chunks are merged.</summary>
    public required Device Device { get; init; }

    /// <summary>Threads that read, compute, hash and write; 0 takes one for each core.</summary>
    public int Threads { get; init; }

    /// <summary>Bytes that the process may hold, chunks, statistics and the program itself together.</summary>
    public long MemoryLimit { get; init; } = DefaultMemoryLimit;

    /// <summary>Whether a value of an input that is NaN or infinite ends the merge, rather than being counted.</summary>
    public bool Strict { get; init; }

    /// <summary>Takes the time of stages; null where nobody asks.</summary>
    internal StageTimes? Times { get; init; }

    /// <summary>Most bytes of an ordinary chunk; tests cut small tensors.</summary>
    internal int ChunkBytes { get; init; } = MemoryPlan.UsualChunk;
}
