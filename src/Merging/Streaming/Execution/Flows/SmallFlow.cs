using MergeEngine.Merging.Streaming.Execution.Pipeline;
using MergeEngine.Merging.Streaming.Profiling;

namespace MergeEngine.Merging.Streaming.Execution.Flows;

/// <summary>Many small tensors that one thread takes through all their passes, one after the other in the same memory; each is read once.</summary>
/// <param name="flows">Begins the next one.</param>
/// <param name="context">What all flows share.</param>
internal sealed class SmallFlow(IEnumerable<ChunkFlow> flows, FlowContext context) : ChunkFlow
{
    private bool _given;

    /// <summary>What the methods of tensors so small hold at one time is less than a chunk: tiles, masks and workspaces of a few times the tensor.</summary>
    public override long WorkingBytes => context.Memory.ChunkBytes;

    public override long ChunkBytes => context.Memory.ChunkBytes;

    public override bool IsSingle => true;

    /// <summary>Bytes that a group must have to be open.</summary>
    public static long BytesIn(MemoryPlan memory) => 2L * memory.ChunkBytes;

    public override Chunk? Next()
    {
        if (_given) return null;
        _given = true;
        return new Chunk(0, 0, 0);
    }

    /// <summary>All of it, as there is nothing to gain from dividing it.</summary>
    public override void Read(Chunk chunk)
    {
    }

    public override void Compute(Chunk chunk)
    {
        // Each is too small for more than one thread.
        StageTimes.Spread(0);
        foreach (ChunkFlow flow in flows)
        {
            using (flow) Finish(flow, chunk);
        }
    }

    public override void Write(Chunk chunk)
    {
    }

    public override bool EndPass() => false;

    public override string ToString() => "A group of small tensors";

    private void Finish(ChunkFlow flow, Chunk outer)
    {
        bool read = false;
        do
        {
            while (flow.Next() is { } chunk)
            {
                context.Cancellation.ThrowIfCancellationRequested();
                chunk.Memory = outer.Memory;
                if (!read) flow.Read(chunk);
                flow.Compute(chunk);
                flow.Write(chunk);
                read = flow.IsSingle;
            }
        }
        while (flow.EndPass());
    }
}
