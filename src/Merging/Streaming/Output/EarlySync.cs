namespace MergeEngine.Merging.Streaming.Output;

/// <summary>Sends what is written to the disk while the rest is computed, so that the end has little left to wait for. One file at a time, on a thread of its own.</summary>
/// <remarks>A disk says only once that it has lost bytes, perhaps here: <see cref="Wait"/> tells it.</remarks>
internal sealed class EarlySync
{
    /// <summary>Bytes that are worth a sync: large beside what a disk does for each.</summary>
    public const int StepBytes = 64 << 20;

    private readonly Lock gate = new();
    private int last;
    private Task running = Task.CompletedTask;
    private long pending;

    /// <summary>Says that some of a file is written. Bytes count as they come: tensors lie in a file in another order than they are merged in, and most of its pieces have gaps until late.</summary>
    /// <param name="file">The number of the file.</param>
    /// <param name="bytes">How many.</param>
    /// <param name="sync">Syncs the file.</param>
    public void Written(int file, int bytes, Action sync)
    {
        lock (gate)
        {
            if (last != file) (last, pending) = (file, 0);
            pending += bytes;
            if (pending < StepBytes || !running.IsCompleted || running.IsFaulted) return;
            pending = 0;
            running = Task.Run(sync);
        }
    }

    /// <summary>Says that all of a file is written: it is synced after those that came before it, however small it is.</summary>
    /// <param name="sync">Syncs the file.</param>
    public void Finished(Action sync)
    {
        lock (gate)
        {
            if (!running.IsFaulted) running = running.ContinueWith(before => Continue(before, sync), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default).Unwrap();
        }
    }

    /// <summary>Waits until no file is used any more.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    public void Wait()
    {
        Task left;
        lock (gate) left = running;
        left.GetAwaiter().GetResult();
    }

    /// <summary>Once the disk has failed it is not asked again.</summary>
    private static Task Continue(Task before, Action sync)
    {
        if (!before.IsCompletedSuccessfully) return before;
        sync();
        return Task.CompletedTask;
    }
}
