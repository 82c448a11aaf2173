using MergeEngine.Merging.Streaming.Profiling;

namespace MergeEngine.Merging.Streaming.Output;

/// <summary>How an output directory is written.</summary>
public sealed record OutputOptions
{
    /// <summary>Put the output in the place of an older one.</summary>
    public bool Overwrite { get; init; }

    /// <summary>Go on with what a stopped run has left, where it is the same merge; where nothing is left, begin.</summary>
    public bool Resume { get; init; }

    /// <summary>Leave what is written when the output is disposed of unfinished, so that <see cref="Resume"/> can go on with it.</summary>
    public bool KeepPartial { get; init; }

    /// <summary>
    /// Hash the outputs. Without hashes <c>verify</c> compares sizes and headers only, and a stopped merge begins anew.
    /// </summary>
    public bool Hash { get; init; } = true;

    /// <summary>Threads that verify, sync and finish hashes.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Takes the time of writing, hashing and syncing; null where nobody asks.</summary>
    internal StageTimes? Times { get; init; }
}
