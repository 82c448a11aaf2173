using System.Diagnostics;

namespace MergeEngine.Merging.Streaming.Probes;

/// <summary>The least that a merge of files takes: to read every input once and write the output once, with all threads, and nothing between.</summary>
internal static class FileFloor
{
    private const int PieceBytes = 1 << 20;

    /// <summary>Seconds.</summary>
    /// <param name="inputs">Files that are read.</param>
    /// <param name="output">A file that is written and removed.</param>
    /// <param name="outputBytes">Its length.</param>
    /// <param name="threads">Threads that take pieces of either kind.</param>
    public static double Measure(IReadOnlyList<string> inputs, string output, long outputBytes, int threads)
    {
        var files = inputs.Select(f => File.OpenHandle(f)).ToList();
        try
        {
            using var target = File.OpenHandle(output, FileMode.Create, FileAccess.ReadWrite, FileShare.None, FileOptions.None, outputBytes);
            long written = (outputBytes + PieceBytes - 1) / PieceBytes, next = -1;
            long[] pieces = [.. files.Select(f => (RandomAccess.GetLength(f) + PieceBytes - 1) / PieceBytes)];
            long read = pieces.Sum();

            void Work()
            {
                var buffer = GC.AllocateUninitializedArray<byte>(PieceBytes);
                while (Interlocked.Increment(ref next) is var piece && piece < read + written)
                {
                    // Writes spread evenly among the reads, as a merge does both at one time.
                    long writesBefore = (long)((Int128)piece * written / (read + written)), writesAfter = (long)((Int128)(piece + 1) * written / (read + written));
                    if (writesAfter > writesBefore)
                    {
                        long at = writesBefore * PieceBytes;
                        RandomAccess.Write(target, buffer.AsSpan(0, (int)Math.Min(PieceBytes, outputBytes - at)), at);
                        continue;
                    }

                    long number = piece - writesBefore;
                    int file = 0;
                    while (number >= pieces[file]) number -= pieces[file++];
                    RandomAccess.Read(files[file], buffer, number * PieceBytes);
                }
            }

            long start = Stopwatch.GetTimestamp();
            Thread[] team = [.. Enumerable.Range(0, threads).Select(_ => new Thread(Work))];
            foreach (Thread thread in team) thread.Start();
            foreach (Thread thread in team) thread.Join();
            return Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
        finally
        {
            foreach (var file in files) file.Dispose();
            File.Delete(output);
        }
    }
}
