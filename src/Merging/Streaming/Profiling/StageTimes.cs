using System.Collections.Concurrent;
using System.Diagnostics;

namespace MergeEngine.Merging.Streaming.Profiling;

/// <summary>Adds up what the threads of a merge do. Where nobody asked for a profile there is none of these, and no clock is looked at.</summary>
internal sealed class StageTimes
{
    private readonly ConcurrentDictionary<(MergeStage Stage, string? Method), Total> _totals = new();

    /// <summary>Threads over which the device spreads what this one gives it; 0 for this one alone.</summary>
    [ThreadStatic]
    private static int t_spread;

    /// <summary>What was counted of this thread's time: a stretch within another is no part of it.</summary>
    [ThreadStatic]
    private static long t_counted;

    private sealed class Total
    {
        public long Calls;
        public long Ticks;
        public long Bytes;
    }

    /// <summary>Says over how many threads the device spreads what the calling thread gives it from now on.</summary>
    public static void Spread(int threads) => t_spread = threads;

    /// <summary>Begins a stretch, which ends on the same thread. Without times it costs nothing.</summary>
    public static long Start(StageTimes? times) => times is null ? 0 : Uncounted;

    /// <summary>A clock that stands still while stretches within others are counted.</summary>
    private static long Uncounted => Stopwatch.GetTimestamp() - t_counted;

    /// <summary>Ends a stretch of one stage.</summary>
    /// <param name="stage">What was done.</param>
    /// <param name="start">What <see cref="Start"/> gave.</param>
    /// <param name="bytes">Bytes that it must touch, each once read and once written; bytes of the file where it reads or writes one.</param>
    public void Add(MergeStage stage, long start, long bytes = 0) => Add(stage, null, Uncounted - start, 1, bytes);

    /// <summary>Ends a stretch of a method's arithmetic.</summary>
    /// <inheritdoc cref="Add(MergeStage, long, long)"/>
    public void Add(MergeStage stage, string method, long start, long bytes, bool onDevice) =>
        Add(stage, method, Uncounted - start, onDevice ? Math.Max(1, t_spread) : 1, bytes);

    /// <summary>All stages that took time, in the order of <see cref="MergeStage"/>, methods by name.</summary>
    public IEnumerable<(MergeStage Stage, string? Method, long Calls, double Seconds, long Bytes)> All => _totals
        .OrderBy(t => t.Key.Stage).ThenBy(t => t.Key.Method, StringComparer.Ordinal)
        .Select(t => (t.Key.Stage, t.Key.Method, t.Value.Calls, (double)t.Value.Ticks / Stopwatch.Frequency, t.Value.Bytes));

    private void Add(MergeStage stage, string? method, long ticks, int threads, long bytes)
    {
        t_counted += ticks;
        Total total = _totals.GetOrAdd((stage, method), static _ => new Total());
        Interlocked.Increment(ref total.Calls);
        Interlocked.Add(ref total.Ticks, ticks * threads);
        Interlocked.Add(ref total.Bytes, bytes);
    }
}
