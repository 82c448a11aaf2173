namespace MergeEngine.Merging.Streaming.Execution.Pipeline;

/// <summary>A flow that has begun, and where its chunks are.</summary>
internal sealed class OpenFlow(ChunkFlow flow)
{
    public ChunkFlow Flow { get; } = flow;

    /// <summary>Chunks of this pass that were given out and are not computed yet, in order.</summary>
    public Queue<Chunk> Claimed { get; } = new();

    /// <summary>Chunks that are claimed, computed or being written.</summary>
    public int Outstanding { get; set; }

    /// <summary>Whether a thread computes a chunk or ends a pass.</summary>
    public bool IsBusy { get; set; }

    /// <summary>Whether the pass has no further chunk.</summary>
    public bool IsExhausted { get; set; }

    /// <summary>Memory of its own that a chunk has now.</summary>
    public bool IsReserveTaken { get; set; }

    /// <summary>Chunks that keep their memory, by their number.</summary>
    public Chunk[] Held { get; } = new Chunk[flow.HeldChunks];

    /// <summary>Bytes that it must have to be open: its own, and one chunk or all those that it holds.</summary>
    public long Reserve { get; } = ReserveOf(flow);

    /// <summary>What of them is no chunk's.</summary>
    public long WorkingBytes { get; } = flow.WorkingBytes;

    public bool Holds => Held.Length > 0;

    public static long ReserveOf(ChunkFlow flow) => flow.WorkingBytes + (flow.ChunkBytes * Math.Max(1, flow.HeldChunks));
}
