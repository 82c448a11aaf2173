using System.Diagnostics;
using System.Security.Cryptography;
using MergeEngine.Benchmarks.Frame;
using MergeEngine.Merging.Streaming.Hashing;
using MergeEngine.Merging.Streaming.Hashing.Blake3;
using MergeEngine.Tensors.Cpu;

namespace MergeEngine.Benchmarks;

/// <summary>The hashes of merged files, on one thread: BLAKE3 in words and in vectors, and as the bytes of a file pass by, beside the platform's SHA-256; each in turn.</summary>
internal static class HashTable
{
    private const int BlockBytes = 1 << 18, FileBytes = 48 << 20, Rounds = 41;

    private sealed record Row(string Hash, double BestGigabytes, double MedianGigabytes, double OfSha256);

    public static void Run(SuiteOptions options)
    {
        using var device = new CpuDevice(1);
        var table = new ResultTable<Row>("hashes", options.Directory, device, "One thread, blocks of 256 KiB that lie in its cache. GB/s: best and median of the rounds.", "hash", "GB/s", "median", "of SHA-256");
        byte[] block = new byte[BlockBytes], nodes = new byte[HashTree.ChunksOf(BlockBytes) * HashConstants.ValueBytes];
        new Random(1).NextBytes(block);
        var hashes = new List<(string Name, long Bytes, Action Run)> { ("SHA-256", BlockBytes, () => SHA256.HashData(block, nodes)) };
        foreach (SimdLevel? level in (IEnumerable<SimdLevel?>)[null, .. SimdLevels.Supported.Select(l => (SimdLevel?)l)])
        {
            var tree = new HashTree(level);
            hashes.Add((level is null ? "BLAKE3, words" : $"BLAKE3, {(int)level} bits", BlockBytes, () =>
            {
                tree.Leaves(block, 0, nodes);
                tree.Join(nodes);
            }
            ));
        }

        hashes.Add(("BLAKE3 of a file, blocks at units", FileBytes, () => Pass(block, 0)));
        hashes.Add(("BLAKE3 of a file, blocks anywhere", FileBytes, () => Pass(block, 5000)));
        double[][] seconds = [.. hashes.Select(_ => new double[Rounds])];
        for (int round = -1; round < Rounds; round++)
        {
            for (int i = 0; i < hashes.Count; i++)
            {
                long start = Stopwatch.GetTimestamp();
                hashes[i].Run();
                if (round >= 0) seconds[i][round] = Stopwatch.GetElapsedTime(start).TotalSeconds;
            }
        }

        double sha256 = BlockBytes / seconds[0].Min() / 1e9;
        foreach (((string name, long bytes, _), double[] times) in hashes.Zip(seconds))
        {
            Array.Sort(times);
            var row = new Row(name, bytes / times[0] / 1e9, bytes / times[Rounds / 2] / 1e9, bytes / times[0] / 1e9 / sha256);
            table.Add(row, row.Hash, $"{row.BestGigabytes:F2}", $"{row.MedianGigabytes:F2}", $"{row.OfSha256:F2}");
        }

        table.Save();
    }

    /// <summary>A file that consists of one block again and again.</summary>
    private static void Pass(byte[] block, int first)
    {
        var hash = StreamedHash.Create(FileBytes, (offset, bytes) => block.AsSpan(0, bytes.Length).CopyTo(bytes));
        if (first > 0) hash.Add(0, block.AsSpan(0, first));
        for (int at = first; at < FileBytes; at += BlockBytes) hash.Add(at, block.AsSpan(0, Math.Min(BlockBytes, FileBytes - at)));
    }
}
