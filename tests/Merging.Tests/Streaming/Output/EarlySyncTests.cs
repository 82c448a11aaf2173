using MergeEngine.Merging.Streaming.Output;

namespace MergeEngine.Merging.Tests.Streaming.Output;

public sealed class EarlySyncTests
{
    private const int Quarter = EarlySync.StepBytes / 4;

    [Fact]
    public void A_file_is_synced_for_every_64_MiB_that_are_written()
    {
        var early = new EarlySync();
        int synced = 0;
        for (int i = 1; i <= 13; i++)
        {
            early.Written(0, Quarter, () => synced++);
            early.Wait();
            Assert.Equal(i / 4, synced);
        }

        // The rest of the file before it is left to the end.
        for (int i = 0; i < 3; i++) early.Written(1, Quarter, () => synced++);
        early.Wait();
        Assert.Equal(3, synced);
    }

    [Fact]
    public void While_one_sync_runs_no_other_begins()
    {
        var early = new EarlySync();
        using var go = new ManualResetEventSlim();
        int synced = 0;
        for (int i = 0; i < 40; i++)
        {
            early.Written(0, Quarter, () =>
            {
                go.Wait();
                Interlocked.Increment(ref synced);
            });
        }

        go.Set();
        early.Wait();
        Assert.Equal(1, synced);
    }

    [Fact]
    public void A_disk_that_fails_is_told_at_the_end_and_not_asked_again()
    {
        var early = new EarlySync();
        int asked = 0;
        for (int i = 0; i < 40; i++)
        {
            early.Written(0, Quarter, () =>
            {
                asked++;
                throw new IOException("Input/output error");
            });
            if (i < 4) continue;
            Assert.Equal("Input/output error", Assert.Throws<IOException>(early.Wait).Message);
        }

        Assert.Equal(1, asked);
    }

    [Fact]
    public void Files_that_are_whole_are_synced_one_after_the_other()
    {
        var early = new EarlySync();
        using var go = new ManualResetEventSlim();
        var synced = new List<int>();
        early.Written(0, EarlySync.StepBytes, go.Wait);
        for (int i = 0; i < 30; i++)
        {
            int file = i;
            early.Finished(() => synced.Add(file));
        }

        Assert.Empty(synced);
        go.Set();
        early.Wait();
        Assert.Equal(Enumerable.Range(0, 30), synced);
    }

    [Fact]
    public void A_disk_that_fails_is_asked_for_no_file_more()
    {
        var early = new EarlySync();
        using var go = new ManualResetEventSlim();
        int asked = 0;
        early.Finished(go.Wait);
        early.Finished(() => throw new IOException("Input/output error"));
        for (int i = 0; i < 30; i++) early.Finished(() => asked++);
        go.Set();
        Assert.Equal("Input/output error", Assert.Throws<IOException>(early.Wait).Message);
        early.Finished(() => asked++);
        Assert.Throws<IOException>(early.Wait);
        Assert.Equal(0, asked);
    }
}
