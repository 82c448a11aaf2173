using System.Diagnostics;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Streaming.Output;

/// <summary>Processes that end without a word, and disks that are full.</summary>
public sealed class KillTests : IDisposable
{
    private const int Kills = 50;

    private static readonly string[] s_left = [".out.merge-engine.lock", ".out.merge-engine.partial"];

    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void A_writer_that_is_killed_at_any_moment_leaves_nothing_or_a_finished_model()
    {
        var random = new Random(50);
        int[] pauses = [.. Enumerable.Range(0, Kills).Select(_ => random.Next(0, 60_000))];
        int finished = 0, unfinished = 0;
        Parallel.For(0, Kills, new ParallelOptions { MaxDegreeOfParallelism = 3 }, i =>
        {
            string path = directory.File($"{i}/out");
            using Process writer = WriterProcess.StartVersions(path);
            // From its first finished version on it does nothing but write; some are killed before.
            if (i % 5 != 0) writer.StandardOutput.ReadLine();
            Wait(TimeSpan.FromMicroseconds(pauses[i]));
            // Some in the midst of a version for certain, however slow the machine is.
            if (i % 5 == 1) SpinWait.SpinUntil(() => File.Exists(directory.File($"{i}/.out.merge-engine.partial/journal")));
            writer.Kill();
            writer.WaitForExit();
            if (i % 5 != 0) Assert.True(Directory.Exists(path));
            if (Directory.Exists(path))
            {
                Assert.Empty(OutputVerification.Run(path, 1).Differences);
                Interlocked.Increment(ref finished);
            }

            string[] beside = Directory.Exists(directory.File($"{i}")) ? [.. Directory.GetFileSystemEntries(directory.File($"{i}")).Where(e => e != path)] : [];
            Assert.All(beside, entry => Assert.Contains(Path.GetFileName(entry), s_left));
            if (beside.Any(Directory.Exists)) Interlocked.Increment(ref unfinished);
            // Whatever is left does not disturb the next.
            SyntheticModel.Write(path, SyntheticModel.Small, SyntheticModel.Options with { Overwrite = true });
            Assert.Equal([path], Directory.GetFileSystemEntries(directory.File($"{i}")));
        });
        Assert.True(finished >= Kills * 4 / 5 && unfinished > 0, $"{finished} finished, {unfinished} unfinished");
    }

    [Fact]
    public void A_writer_that_is_killed_again_and_again_comes_to_the_same_bytes()
    {
        string path = directory.File("out"), whole = directory.File("whole"), journal = directory.File(".out.merge-engine.partial/journal");
        SyntheticModel.Write(whole, SyntheticModel.Large);
        var random = new Random(9);
        var restored = new List<long>();
        for (int run = 0; !Directory.Exists(path); run++)
        {
            Assert.True(run < 40);
            using Process writer = WriterProcess.StartSlow(path);
            restored.Add(long.Parse(writer.StandardOutput.ReadLine()!, System.Globalization.CultureInfo.InvariantCulture));
            if (run < 6)
            {
                // Not before it has come further than the one before, however slow the machine is.
                long begun = Length(journal);
                while (Length(journal) <= begun && !writer.WaitForExit(1))
                {
                }

                if (!writer.WaitForExit(random.Next(0, 60))) writer.Kill();
            }

            writer.WaitForExit();
        }

        Assert.Equal(restored.Order(), restored);
        Assert.True(restored[^1] > 0);
        SyntheticModel.AssertSameFiles(whole, path);
        Assert.Empty(OutputVerification.Run(path, 2).Differences);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_full_disk_gets_one_sentence_and_is_left_empty(bool preallocate)
    {
        string mountPoint = directory.File("disk");
        Directory.CreateDirectory(mountPoint);
        Assert.SkipUnless(CanMount(mountPoint), "A file system cannot be mounted here without rights.");
        using Process writer = WriterProcess.StartOnTinyDisk(mountPoint, preallocate);
        string error = writer.StandardError.ReadToEnd(), left = writer.StandardOutput.ReadToEnd();
        writer.WaitForExit();
        Assert.Equal(3, writer.ExitCode);
        string sentence = Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains($"{mountPoint}/out", sentence, StringComparison.Ordinal);
        Assert.Matches(preallocate ? "bytes are needed and [0-9]+ are free" : "cannot be written", sentence);
        Assert.Equal("", left);
    }

    private static long Length(string path) => new FileInfo(path) is { Exists: true } file ? file.Length : 0;

    /// <summary>Shorter than the timer's step, where that is asked for.</summary>
    private static void Wait(TimeSpan time)
    {
        long start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < time) Thread.SpinWait(20);
    }

    private static bool CanMount(string mountPoint)
    {
        try
        {
            using Process? probe = Process.Start(new ProcessStartInfo("unshare", ["-Urm", "mount", "-t", "tmpfs", "none", mountPoint]) { RedirectStandardError = true });
            probe?.WaitForExit();
            return probe?.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
