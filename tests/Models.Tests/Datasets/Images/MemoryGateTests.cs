using MergeEngine.Models.Datasets.Images;

namespace MergeEngine.Models.Tests.Datasets.Images;

public sealed class MemoryGateTests
{
    /// <summary>Every work says what it takes while it is inside; sums of more than the limit would show, and a work that is never let in would not end.</summary>
    [Fact]
    public void Works_at_a_time_stay_within_the_limit_and_all_are_let_in()
    {
        const long limit = 100;
        var gate = new MemoryGate(limit);
        long inside = 0, most = 0;
        int done = 0;
        Parallel.For(0, 2000, new ParallelOptions { MaxDegreeOfParallelism = 16 }, i =>
        {
            // The largest ask for more than there is, and then work alone.
            long bytes = (i * 37 % 140) + 1, counted = Math.Min(bytes, limit);
            using (gate.Enter(bytes))
            {
                long now = Interlocked.Add(ref inside, counted);
                // No larger sum of another thread is overwritten.
                for (long seen = Volatile.Read(ref most); seen < now; seen = Volatile.Read(ref most)) Interlocked.CompareExchange(ref most, now, seen);
                Thread.SpinWait(200);
                Interlocked.Add(ref inside, -counted);
            }

            Interlocked.Increment(ref done);
        });
        Assert.Equal(2000, done);
        Assert.Equal(0, inside);
        Assert.InRange(most, 1, limit);
    }
}
