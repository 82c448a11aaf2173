using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Streaming.Output;

/// <summary>Lines of a journal that were not written whole: by a process that was killed, and on a disk that was full for a while.</summary>
public sealed class JournalTests : IDisposable
{
    private static readonly JournalIdentity s_identity = new("0.1.0", "recipe", "mergekit", 7, [], "plan", [new JournalInput("a", 1, "now")]);

    private readonly TemporaryDirectory directory = new();

    private string Journal => directory.File("journal");

    public void Dispose() => directory.Dispose();

    [Fact]
    public void A_last_line_that_ends_anywhere_is_dropped_and_later_lines_are_found_again()
    {
        byte[] good = WithLines(3), two = WithLines(2);
        Assert.True(good.AsSpan().StartsWith(two));
        for (int length = two.Length; length < good.Length; length++)
        {
            File.WriteAllBytes(Journal, good[..length]);
            using (OutputJournal journal = OutputJournal.Open(Journal))
            {
                Assert.Equal([0, 1], Pieces(journal));
                // Another line than the one that was cut off, so that nothing of that one may be left.
                journal.Add(JournalLine.Written(5, 40, Digest(40)));
                journal.Add(JournalLine.Written(5, 41, Digest(41)));
            }

            using OutputJournal again = OutputJournal.Open(Journal);
            Assert.Equal([0, 1, 40, 41], Pieces(again));
        }
    }

    [Fact]
    public void A_line_that_a_full_disk_takes_a_part_of_spoils_no_other()
    {
        int line = WithLines(2).Length - WithLines(1).Length;
        for (int taken = 0; taken < line; taken++)
        {
            File.WriteAllBytes(Journal, WithLines(1));
            using (var disk = new FullDisk(Journal))
            using (var journal = new OutputJournal(disk))
            {
                Assert.Equal([0], Pieces(journal));
                disk.Takes = taken;
                Assert.Throws<IOException>(() => journal.Add(JournalLine.Written(1, 1, Digest(1))));
                disk.Takes = int.MaxValue;
                journal.Add(JournalLine.Written(1, 2, Digest(2)));
                journal.Add(JournalLine.Written(1, 3, Digest(3)));
            }

            using OutputJournal again = OutputJournal.Open(Journal);
            Assert.Equal([0, 2, 3], Pieces(again));
        }
    }

    [Fact]
    public void A_part_of_a_line_that_cannot_be_removed_stays_the_last()
    {
        File.WriteAllBytes(Journal, WithLines(2));
        using (var disk = new FullDisk(Journal))
        using (var journal = new OutputJournal(disk))
        {
            Assert.Equal([0, 1], Pieces(journal));
            (disk.IsFixed, disk.Takes) = (true, 20);
            Assert.Throws<IOException>(() => journal.Add(JournalLine.Written(1, 2, Digest(2))));
            disk.Takes = int.MaxValue;
            journal.Add(JournalLine.Written(1, 3, Digest(3)));
        }

        using OutputJournal again = OutputJournal.Open(Journal);
        Assert.Equal([0, 1], Pieces(again));
    }

    private static byte[] Digest(int seed) => [.. Enumerable.Range(0, 32).Select(i => (byte)(seed + i))];

    private int[] Pieces(OutputJournal journal)
    {
        var read = journal.Read(Journal);
        Assert.Equal("plan", read!.Value.Identity.Plan);
        Assert.All(read.Value.Lines, p => Assert.Equal(Digest(p.Piece), p.Digest));
        return [.. read.Value.Lines.Select(p => p.Piece)];
    }

    private byte[] WithLines(int count)
    {
        string path = directory.File("whole");
        File.Delete(path);
        using (OutputJournal journal = OutputJournal.Create(path, s_identity))
        {
            for (int i = 0; i < count; i++) journal.Add(JournalLine.Written(1, i, Digest(i)));
        }

        return File.ReadAllBytes(path);
    }

    /// <summary>A file of which a write is done in part.</summary>
    private sealed class FullDisk(string path) : FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None, 1)
    {
        /// <summary>Bytes that a write gets.</summary>
        public int Takes { get; set; } = int.MaxValue;

        /// <summary>Whether the file cannot be cut either.</summary>
        public bool IsFixed { get; set; }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            base.Write(buffer[..Math.Min(Takes, buffer.Length)]);
            if (Takes < buffer.Length) throw new IOException("No space left on device");
        }

        public override void SetLength(long value)
        {
            if (IsFixed) throw new IOException("Input/output error");
            base.SetLength(value);
        }
    }
}
