using MergeEngine.Merging.Streaming.Execution;
using MergeEngine.Merging.Streaming.Execution.Pipeline;
using MergeEngine.Merging.TensorMethods.Parts;
using MergeEngine.Tensors.Cpu;

namespace MergeEngine.Merging.Tests.Streaming.Execution;

/// <summary>Parts of a chunk that other threads of the pipeline take: all of them are done once, by as many threads as the memory is for.</summary>
public sealed class HelpBoardTests
{
    private const long MiB = 1 << 20;
    private const int Parts = 12;

    /// <summary>64 MiB, of which the flow takes 20: one thread that helps with 30, two with 20, none with 45.</summary>
    [Theory]
    [InlineData(1, 20, 1)]
    [InlineData(4, 45, 1)]
    [InlineData(4, 30, 2)]
    [InlineData(4, 20, 3)]
    [InlineData(4, 1, 4)]
    public void Threads_help_as_far_as_the_memory_goes(int threads, int helperMebibytes, int most)
    {
        using var device = new CpuDevice(threads);
        var plan = new MemoryPlan(new ExecutionOptions { Device = device, Threads = threads, MemoryLimit = MemoryPlan.Program + (64 * MiB) }, MemoryPlan.Program);
        var board = new HelpBoard(device);
        var counts = new Counts();
        var flow = new Flow(() => board.Run(new PartGroup(Parts, helperMebibytes * MiB, () => new Worker(counts)), new Worker(counts)));
        using (var pipeline = new ChunkPipeline(device, device, plan, held: 0, TestContext.Current.CancellationToken, board)) pipeline.Run([flow]);
        Assert.Equal(Enumerable.Repeat(1, Parts), counts.Done);
        Assert.InRange(counts.MostWorkers, 1, most);
        Assert.Equal(0, counts.Workers);
    }

    /// <summary>Every part but the first two fails; parts are begun in order, so the lowest of those that fail is always the third.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void The_failure_of_the_lowest_part_is_the_one_that_is_told(int threads)
    {
        using var device = new CpuDevice(threads);
        for (int round = 0; round < 50; round++)
        {
            var counts = new Counts { FirstFailure = 2 };
            var group = new PartGroup(Parts, 0, () => new Worker(counts));
            using var own = new Worker(counts);
            InvalidOperationException failure = Assert.Throws<InvalidOperationException>(() => new DeviceTeam(device).Run(group, own));
            Assert.Equal("Part 2 fails.", failure.Message);
        }
    }

    private sealed class Counts
    {
        public int[] Done { get; } = new int[Parts];

        public int FirstFailure { get; init; } = int.MaxValue;

        public int Workers { get; private set; }

        public int MostWorkers { get; private set; }

        public void Count(int change)
        {
            lock (Done) MostWorkers = Math.Max(MostWorkers, Workers += change);
        }
    }

    /// <summary>Counts among the threads at work while it does a part.</summary>
    private sealed class Worker(Counts counts) : IPartWorker
    {
        public void Do(int part)
        {
            counts.Count(1);
            Thread.Sleep(1);
            Interlocked.Increment(ref counts.Done[part]);
            counts.Count(-1);
            if (part >= counts.FirstFailure) throw new InvalidOperationException($"Part {part} fails.");
        }

        public void Dispose()
        {
        }
    }

    private sealed class Flow(Action compute) : ChunkFlow
    {
        private bool _given;

        public override long WorkingBytes => 16 * MiB;

        public override long ChunkBytes => 4 * MiB;

        public override Chunk? Next()
        {
            if (_given) return null;
            _given = true;
            return new Chunk(0, 0, 1);
        }

        public override void Read(Chunk chunk)
        {
        }

        public override void Compute(Chunk chunk) => compute();

        public override void Write(Chunk chunk)
        {
        }

        public override bool EndPass() => false;
    }
}
