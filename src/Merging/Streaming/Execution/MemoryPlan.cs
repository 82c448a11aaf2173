using System.Globalization;
using MergeEngine.Merging.Streaming.Planning;

namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>How a memory limit is spent.</summary>
internal sealed record MemoryPlan
{
    /// <summary>
    /// What the program takes whatever it merges: code, run time, the garbage collector's room, threads, headers of an ordinary model. Measured: 51 MiB as one file compiled ahead, 59 MiB where
    /// the run time compiles, with up to 32 threads.
    /// </summary>
    public const long Program = 64L << 20;

    /// <summary>What chunks get at least: a limit below this and the program is kept as well as it can be.</summary>
    public const long Least = 16L << 20;

    /// <summary>
    /// Large enough for the disk's full rate and for a kernel's start not to count; small enough that what every thread reads is in the caches when it computes.
    /// </summary>
    public const int UsualChunk = 2 << 20;

    /// <summary>
    /// Bytes of headers and plan for a tensor of the output, for each character of its name, for each of its sources, and for each entry of a header, which models with equal ones
    /// have between them: names, entries and their tables, with the garbage of making them. Measured with a hundred thousand tensors, where they count.
    /// </summary>
    private const long TensorBytes = 350, CharacterBytes = 4, SourceBytes = 80, EntryBytes = 160;

    /// <summary>More than this saves no method a pass over tensors of usual sizes.</summary>
    private const long MostSpare = 64L << 20;

    /// <summary>What of these <see cref="Program"/> has room for: some thousand tensors.</summary>
    private const long OrdinaryBytes = 4L << 20;

    /// <param name="options">What was asked for.</param>
    /// <param name="job">What is merged.</param>
    public MemoryPlan(ExecutionOptions options, MergeJob job)
        : this(options, Program + Math.Max(0, BytesOf(job) - OrdinaryBytes))
    {
    }

    /// <param name="options">What was asked for.</param>
    /// <param name="fixedBytes">What stands before the first chunk.</param>
    public MemoryPlan(ExecutionOptions options, long fixedBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.MemoryLimit);
        ArgumentOutOfRangeException.ThrowIfNegative(options.Threads);
        Threads = options.Threads == 0 ? Environment.ProcessorCount : options.Threads;
        Fixed = fixedBytes;
        Budget = Math.Max(Least, options.MemoryLimit - Fixed);
        ChunkBytes = (int)Math.Min(options.ChunkBytes, Math.Max(Math.Min(Budget, options.MemoryLimit) / (4L * Threads), 4 << 10));
        HeldBytes = Budget / Math.Min(Threads, 8);
    }

    public int Threads { get; }

    /// <summary>Bytes that stand before the first chunk: the program, headers and the plan.</summary>
    public long Fixed { get; }

    /// <summary>Whether headers and the plan take more than the program has room for.</summary>
    public bool IsOfManyTensors => Fixed > Program;

    /// <summary>Bytes for chunks and for what methods hold.</summary>
    public long Budget { get; }

    /// <summary>Bytes that a chunk of all inputs and the output should take.</summary>
    public int ChunkBytes { get; }

    /// <summary>A tensor that is looked at several times comes from the disk once if it takes no more than this: the system keeps it, or where it is expensive to make it is held.</summary>
    public long HeldBytes { get; }

    /// <summary>Bytes that the merge of a tensor may hold to save itself passes: all that helps while there is enough, so that it is never the reason for which a limit does not do.</summary>
    public long SpareBytes => Math.Min(HeldBytes / 2, MostSpare);

    /// <summary>Bytes that methods have used and may use again: little, as they stand beside the budget.</summary>
    public long IdleBytes => Math.Min(Budget / 16, 32L << 20);

    /// <summary>Whether a tensor comes from the disk once, however often it is looked at.</summary>
    /// <param name="elements">Of the tensor.</param>
    /// <param name="inputs">Inputs and companions.</param>
    public bool ComesOnce(long elements, int inputs) => (UInt128)(ulong)elements * (ulong)((inputs + 1L) * sizeof(float)) <= (ulong)HeldBytes;

    /// <summary>
    /// Whether a tensor that is looked at several times stays in memory: one chunk, which has its memory anyway, or what is made by computing. What only has to be copied from the system's
    /// cache again is not held: a copy into warm memory costs less than the fresh pages, and a way to memory and back less than once.
    /// </summary>
    /// <param name="shape">Its chunks.</param>
    /// <param name="isComputed">Whether reading it takes more than reading (<see cref="TensorInputs.AreComputed"/>).</param>
    /// <param name="working">What its method holds beside them.</param>
    public bool Holds(in ChunkShape shape, bool isComputed, long working) =>
        shape.Length >= shape.Total || (isComputed && ComesOnce(shape.Total, shape.Inputs) && shape.Bytes * shape.Count <= Budget - working);

    /// <summary>The limit that leaves so many bytes, for people.</summary>
    public string LimitFor(long needed) => Text(needed + Fixed);

    /// <summary>A limit in whole mebibytes, for people.</summary>
    public static string Text(long limit) => string.Create(CultureInfo.InvariantCulture, $"{(limit + (1 << 20) - 1) >> 20} MiB");

    /// <summary>Bytes of a job's headers and plan.</summary>
    public static long BytesOf(MergeJob job)
    {
        long bytes = EntryBytes * job.Inputs.SelectMany(i => i.Files).Select(f => f.Header).Distinct().Sum(h => (long)h.Tensors.Count);
        foreach (TensorJob tensor in job.Tensors) bytes += TensorBytes + (CharacterBytes * tensor.Name.Length) + ((tensor.Sources.Count + tensor.Companions.Count) * SourceBytes);
        return bytes;
    }
}
