using System.Diagnostics;
using MergeEngine.Merging.Streaming.Execution;
using MergeEngine.Merging.Streaming.Output;

namespace MergeEngine.Merging.Streaming.Runs;

/// <summary>How fast the disk was a moment ago, for the estimate of a plan. A file that is cached is read at the cache's rate, as the merge would.</summary>
/// <param name="ReadBytesPerSecond">Of places spread over the largest input.</param>
/// <param name="ReadIsOfInputs">False where there was no input to read, so that the rate of writing stands for that of reading.</param>
/// <param name="WriteBytesPerSecond">Of a file that was written, synced and removed where the output would go.</param>
/// <param name="WriteIsOfOutput">False where the disk had no room to measure with, so that the rate of reading stands for that of writing.</param>
public sealed record DiskRates(double ReadBytesPerSecond, bool ReadIsOfInputs, double WriteBytesPerSecond, bool WriteIsOfOutput = true)
{
    private const int BlockBytes = 4 << 20;
    private const int Blocks = 16;

    /// <summary>Bytes in a second of a disk of which nothing is known.</summary>
    private const double Unmeasured = 1e9;

    /// <summary>Measures both for a fraction of a second.</summary>
    /// <param name="inputs">Files that will be read; those that do not exist yet are left out.</param>
    /// <param name="output">A directory that will be written; it and its parents need not exist.</param>
    /// <exception cref="IOException">Nothing can be read or written there.</exception>
    public static DiskRates Measure(IEnumerable<string> inputs, string output)
    {
        double? write = MeasureWrite(output);
        double? read = inputs.Where(File.Exists).MaxBy(f => new FileInfo(f).Length) is { } largest ? MeasureRead(largest) : null;
        double known = read ?? write ?? Unmeasured;
        return new DiskRates(known, read is not null, write ?? known, write is not null);
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

    /// <summary>Null where there is no room to measure with: a merge that is too large is told of that by its plan's own check, and a small one may still fit.</summary>
    private static double? MeasureWrite(string output)
    {
        string directory = Path.GetFullPath(output);
        while (!Directory.Exists(directory) && Path.GetDirectoryName(directory) is { } parent) directory = parent;
        int blocks = (int)Math.Min(Blocks, (OutputDirectory.FreeSpace(directory) ?? long.MaxValue) / 4 / BlockBytes);
        if (blocks == 0) return null;
        byte[] block = GC.AllocateUninitializedArray<byte>(BlockBytes);
        string path = Path.Combine(directory, $".{Path.GetRandomFileName()}.partial");
        using var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write, FileShare.Delete, FileOptions.DeleteOnClose);
        // Without a name it is gone with the process, however that ends.
        if (!OperatingSystem.IsWindows()) File.Delete(path);
        long started = Stopwatch.GetTimestamp();
        for (int i = 0; i < blocks; i++) RandomAccess.Write(file, block, (long)i * BlockBytes);
        RandomAccess.FlushToDisk(file);
        return Rate((long)blocks * BlockBytes, started);
    }

    private static double Rate(long bytes, long started) => bytes / Math.Max(1e-6, Stopwatch.GetElapsedTime(started).TotalSeconds);
}
