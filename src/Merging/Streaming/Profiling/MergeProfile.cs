using MergeEngine.Merging.Streaming.Execution;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Probes;

namespace MergeEngine.Merging.Streaming.Profiling;

/// <summary>Where the time of a merge went, beside what memory allows.</summary>
/// <param name="Seconds">From planning to the renamed directory.</param>
/// <param name="Threads">That read, merge, hash and write.</param>
/// <param name="CopyGbps">GB read and written per second by a plain copy with all threads, measured before the merge.</param>
/// <param name="FloorSeconds">What all bytes that files gave and took would need at that rate, those that were read again apart: the floor of a merge from and to a cache.</param>
/// <param name="Stages">In the order of <see cref="MergeStage"/>; their seconds add up to those of all threads.</param>
public sealed record MergeProfile(double Seconds, int Threads, double CopyGbps, double FloorSeconds, IReadOnlyList<StageShare> Stages)
{
    /// <summary>The rate of a copy on the processor, whatever device merges: files are read into its memory. It takes what the limit leaves beside the program.</summary>
    internal static double MeasureCopy(int threads, long memoryLimit)
    {
        using var host = new CpuDevice(threads);
        return DeviceCeilings.MeasureCopy(host, Math.Max(MemoryPlan.Least, memoryLimit - MemoryPlan.Program));
    }

    internal static MergeProfile Of(StageTimes times, double seconds, int threads, double copyGbps)
    {
        var stages = new List<StageShare>();
        double left = seconds * threads, moved = 0;
        foreach ((MergeStage stage, string? method, long calls, double spent, long bytes) in times.All)
        {
            stages.Add(StageShare.Of(stage, method, calls, spent, bytes, seconds * threads, copyGbps / threads));
            left -= spent;
            if (stage is MergeStage.Reading or MergeStage.Writing) moved += 2 * bytes;
        }

        stages.Add(StageShare.Of(MergeStage.Waiting, null, 0, Math.Max(0, left), 0, seconds * threads, copyGbps / threads));
        return new MergeProfile(seconds, threads, copyGbps, moved / 1e9 / copyGbps, stages);
    }
}

/// <summary>One stage of a merge, of arithmetic that of one method.</summary>
/// <param name="Stage">What was done.</param>
/// <param name="Method">Whose arithmetic it was; null for other stages.</param>
/// <param name="Calls">How often: once for each block or chunk.</param>
/// <param name="Seconds">Of all threads together. Arithmetic that the device spreads over its threads counts for each of them.</param>
/// <param name="Part">Share of the time of all threads.</param>
/// <param name="Bytes">Bytes that had to be read and written, each once; of reading and writing those of the files, so that a pass over all inputs reads as many as they have.</param>
/// <param name="Gbps">GB of these per second and thread; null for a stage without any.</param>
/// <param name="OfCopy">
/// What that moves as a share of what a plain copy does for each thread, where a byte from or to a file counts twice, as it is copied; more than 1 where data lay in a cache.
/// </param>
public sealed record StageShare(MergeStage Stage, string? Method, long Calls, double Seconds, double Part, long Bytes, double? Gbps, double? OfCopy)
{
    internal static StageShare Of(MergeStage stage, string? method, long calls, double seconds, long bytes, double allSeconds, double copyGbps)
    {
        double? rate = bytes == 0 || seconds <= 0 ? null : bytes / 1e9 / seconds;
        return new StageShare(stage, method, calls, seconds, seconds / allSeconds, bytes, rate, (IsOfFiles(stage) ? 2 * rate : rate) / copyGbps);
    }

    /// <summary>Whether its bytes are copied from or to files.</summary>
    internal static bool IsOfFiles(MergeStage stage) => stage is MergeStage.Reading or MergeStage.ReadingAgain or MergeStage.Writing;
}
