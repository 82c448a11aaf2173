using System.Diagnostics;
using MergeEngine.Merging.Streaming.Execution;

namespace MergeEngine.Merging.Streaming.Runs;

/// <summary>How fast the disk was a moment ago, for the estimate of a plan. A file that is cached is read at the cache's rate, as the merge would.</summary>
/// <param name="ReadBytesPerSecond">Of places spread over the largest input.</param>
/// <param name="ReadIsOfInputs">False where there was no input to read, so that the rate of writing stands for that of reading.</param>
/// <param name="WriteBytesPerSecond">Of a file that was written, synced and removed where the output would go.</param>
public sealed record DiskRates(double ReadBytesPerSecond, bool ReadIsOfInputs, double WriteBytesPerSecond)
{
    private const int BlockBytes = 4 << 20;
    private const int Blocks = 16;

    /// <summary>Measures both for a fraction of a second.</summary>
    /// <param name="inputs">Files that will be read; those that do not exist yet are left out.</param>
    /// <param name="output">A directory that will be written; it and its parents need not exist.</param>
    /// <exception cref="IOException">Nothing can be read or written there.</exception>
    public static DiskRates Measure(IEnumerable<string> inputs, string output)
    {
        double write = MeasureWrite(output);
        double? read = inputs.Where(File.Exists).MaxBy(f => new FileInfo(f).Length) is { } largest ? MeasureRead(largest) : null;
        return new DiskRates(read ?? write, read is not null, write);
    }

    /// <summary>The time of a merge that is as slow as the disk.</summary>
    public double SecondsFor(ExecutionEstimate estimate) => (estimate.ReadBytes / ReadBytesPerSecond) + (estimate.WriteBytes / WriteBytesPerSecond);

    private static double? MeasureRead(string path)
    {
        using var file = File.OpenHandle(path);
        byte[] block = GC.AllocateUninitializedArray<byte>(BlockBytes);
        long length = RandomAccess.GetLength(file), read = 0;
        if (length == 0) return null;
        long started = Stopwatch.GetTimestamp();
        for (int i = 0; i < Blocks; i++) read += RandomAccess.Read(file, block, Math.Max(0, length - BlockBytes) / Blocks * i);
        return Rate(read, started);
    }

    private static double MeasureWrite(string output)
    {
        string directory = Path.GetFullPath(output);
        while (!Directory.Exists(directory) && Path.GetDirectoryName(directory) is { } parent) directory = parent;
        byte[] block = GC.AllocateUninitializedArray<byte>(BlockBytes);
        string path = Path.Combine(directory, $".{Path.GetRandomFileName()}.partial");
        using var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, FileOptions.DeleteOnClose);
        long started = Stopwatch.GetTimestamp();
        for (int i = 0; i < Blocks; i++) RandomAccess.Write(file, block, (long)i * BlockBytes);
        RandomAccess.FlushToDisk(file);
        return Rate((long)Blocks * BlockBytes, started);
    }

    private static double Rate(long bytes, long started) => bytes / Math.Max(1e-6, Stopwatch.GetElapsedTime(started).TotalSeconds);
}
