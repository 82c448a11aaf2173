using MergeEngine.Merging.Streaming.Execution;
using MergeEngine.Merging.Streaming.Execution.Pipeline;
using MergeEngine.Tensors;

namespace MergeEngine.Merging.Tests.Streaming.Execution;

/// <summary>What the pipeline keeps of chunks' memory beside what flows take for themselves.</summary>
public sealed class PipelineMemoryTests
{
    private const long MiB = 1 << 20;

    /// <summary>
    /// Eight flows of chunks alone, then one that takes nearly all of the budget for itself, and the same again: memory of chunks that nobody uses any more must be gone by then. The bound is the
    /// budget itself, as all sizes are whole steps of the chunks' memory.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Chunks_that_are_done_make_room_for_what_a_flow_holds(int threads)
    {
        using Device device = Device.Open("cpu", threads);
        var plan = new MemoryPlan(new ExecutionOptions { Device = device, Threads = threads, MemoryLimit = MemoryPlan.Program + (64 * MiB) }, MemoryPlan.Program);
        long before = device.AllocatedBytes, most = 0;
        int computed = 0;
        var flows = new List<ChunkFlow>();
        for (int round = 0; round < 2; round++)
        {
            for (int i = 0; i < 8; i++) flows.Add(new Flow(8 * MiB, 0, static () => { }));
            flows.Add(new Flow(4 * MiB, 56 * MiB, () =>
            {
                computed++;
                most = Math.Max(most, device.AllocatedBytes - before + (56 * MiB));
            }));
        }

        using (var pipeline = new ChunkPipeline(device, device, plan, held: 0, TestContext.Current.CancellationToken)) pipeline.Run(flows);
        Assert.Equal(2, computed);
        Assert.InRange(most, 60 * MiB, plan.Budget);
        Assert.Equal(before, device.AllocatedBytes);
    }

    [Fact]
    public void A_chunk_does_not_take_the_memory_of_one_that_is_much_larger()
    {
        using Device device = Device.Open("cpu", 1);
        long before = device.AllocatedBytes;
        using var memory = new ChunkMemory(device, 64 * MiB);
        memory.Return(memory.Rent(40 * MiB));
        memory.Return(memory.Rent(39 * MiB));
        Assert.Equal(40 * MiB, device.AllocatedBytes - before);
        Assert.Equal(30 * MiB, memory.Rent(30 * MiB).ByteLength);
        Assert.InRange(device.AllocatedBytes - before, 30 * MiB, 64 * MiB);
    }

    /// <summary>One chunk, of which the action is the computation.</summary>
    private sealed class Flow(long chunk, long working, Action compute) : ChunkFlow
    {
        private bool _given;

        public override long WorkingBytes => working;

        public override long ChunkBytes => chunk;

        public override Chunk? Next()
        {
            if (_given) return null;
            _given = true;
            return new Chunk(0, 0, 1);
        }

        public override void Read(Chunk chunk) => chunk.Memory!.AsSpan<byte>().HostSpan[0] = 1;

        public override void Compute(Chunk chunk) => compute();

        public override void Write(Chunk chunk)
        {
        }

        public override bool EndPass() => false;
    }
}
