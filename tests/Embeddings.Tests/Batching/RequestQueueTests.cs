using MergeEngine.Embeddings.Batching;

namespace MergeEngine.Embeddings.Tests.Batching;

/// <summary>Nobody is lost, nobody is overtaken, and nobody waits without need.</summary>
public sealed class RequestQueueTests
{
    /// <summary>Longer than any test runs: a wait that should not be would be seen.</summary>
    private static readonly TimeSpan s_forever = TimeSpan.FromMinutes(1);

    private readonly List<TextRequest> _batch = [];

    [Fact]
    public async Task Batches_are_taken_in_order_and_bounded_by_texts_and_by_tokens()
    {
        using var queue = new RequestQueue(new BatchedTextOptions { MaxBatch = 3, MaxBatchTokens = 10, MaxWait = TimeSpan.Zero });
        int[] lengths = [2, 3, 5, 1, 9, 2, 30, 1];
        foreach (int length in lengths) await queue.AddAsync(Request(length), default);
        int[][] expected = [[2, 3, 5], [1, 9], [2], [30], [1]];
        foreach (int[] batch in expected) Assert.Equal(batch, Take(queue));
    }

    [Fact]
    public async Task Who_brings_more_than_there_is_room_for_waits_until_there_is()
    {
        using var queue = new RequestQueue(new BatchedTextOptions { QueueLength = 2 });
        await queue.AddAsync(Request(1), default);
        await queue.AddAsync(Request(2), default);
        Task third = queue.AddAsync(Request(3), default);
        Assert.False(third.IsCompleted);
        using (var stop = new CancellationTokenSource())
        {
            Task fourth = queue.AddAsync(Request(4), stop.Token);
            await stop.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => fourth);
        }

        Assert.Equal([1, 2], Take(queue));
        await third;
        Assert.Equal([3], Take(queue));
    }

    [Fact]
    public async Task Requests_that_nobody_waits_for_are_passed_over_and_make_room()
    {
        using var queue = new RequestQueue(new BatchedTextOptions { QueueLength = 3, MaxBatchTokens = 5, MaxWait = TimeSpan.Zero });
        TextRequest[] requests = [Request(4), Request(4), Request(1)];
        foreach (TextRequest request in requests) await queue.AddAsync(request, default);
        requests[1].SetCanceled();
        Assert.Equal([4, 1], Take(queue));
        foreach (TextRequest request in new[] { Request(6), Request(7), Request(8) }) await queue.AddAsync(request, default);
        Assert.Equal([6], Take(queue));
    }

    [Fact]
    public async Task A_batch_is_held_up_until_it_is_as_large_as_the_last_one()
    {
        using var queue = new RequestQueue(new BatchedTextOptions { MaxWait = s_forever });
        await queue.AddAsync(Request(1), default);
        await queue.AddAsync(Request(2), default);
        Assert.Equal([1, 2], Take(queue));
        await queue.AddAsync(Request(3), default);
        Task<int[]> taking = Task.Run(() => Take(queue));
        await queue.AddAsync(Request(4), default);
        int[] taken = await taking;
        Assert.Equal([3, 4], taken);
    }

    [Fact]
    public async Task Who_is_alone_never_waits()
    {
        using var queue = new RequestQueue(new BatchedTextOptions { MaxWait = s_forever });
        for (int i = 1; i < 4; i++)
        {
            await queue.AddAsync(Request(i), default);
            Assert.Equal([i], Take(queue));
        }
    }

    [Fact]
    public async Task A_closed_queue_refuses_those_who_wait_for_an_answer_for_room_and_those_to_come()
    {
        using var queue = new RequestQueue(new BatchedTextOptions { QueueLength = 1 });
        TextRequest waiting = Request(1);
        await queue.AddAsync(waiting, default);
        Task[] outside = [queue.AddAsync(Request(2), default), queue.AddAsync(Request(3), default)];
        queue.Dispose();
        foreach (Task refused in outside.Append(waiting.Task).Append(queue.AddAsync(Request(4), default)))
        {
            ObjectDisposedException e = await Assert.ThrowsAsync<ObjectDisposedException>(() => refused);
            Assert.StartsWith("The text encoder has been disposed.", e.Message, StringComparison.Ordinal);
        }

        Assert.False(queue.Take(_batch));
    }

    [Fact]
    public async Task Closing_wakes_the_thread_that_waits_for_requests()
    {
        var queue = new RequestQueue(new BatchedTextOptions());
        Task<bool> taking = Task.Run(() => queue.Take(_batch));
        queue.Dispose();
        Assert.False(await taking);
    }

    private static TextRequest Request(int length) => new(new int[length], new int[length]);

    private int[] Take(RequestQueue queue) => queue.Take(_batch) ? [.. _batch.Select(request => request.Ids.Length)] : [];
}
