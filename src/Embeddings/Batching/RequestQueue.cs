using System.Diagnostics;

namespace MergeEngine.Embeddings.Batching;

/// <summary>Requests of any number of callers, in the order in which they came, for one thread that takes them in batches.</summary>
internal sealed class RequestQueue(BatchedTextOptions options) : IDisposable
{
    private readonly SemaphoreSlim _room = new(options.QueueLength, options.QueueLength);
    private readonly object _gate = new();
    private readonly Queue<TextRequest> _waiting = new();
    private bool _isClosed;

    /// <summary>Requests of the last batch: as many callers are about, and each may come again once it has its answer.</summary>
    private int _expected = 1;

    /// <summary>Adds a request as soon as there is room.</summary>
    /// <exception cref="ObjectDisposedException">The queue is closed.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up before there was room.</exception>
    public async Task AddAsync(TextRequest request, CancellationToken cancellation)
    {
        await _room.WaitAsync(cancellation).ConfigureAwait(false);
        lock (_gate)
        {
            if (!_isClosed)
            {
                _waiting.Enqueue(request);
                Monitor.Pulse(_gate);
                return;
            }
        }

        // The next one who waits for room hears the same.
        _room.Release();
        throw Gone();
    }

    /// <summary>Waits for requests and takes what fits into a batch.</summary>
    /// <param name="batch">Filled anew.</param>
    /// <returns>False when the queue is closed.</returns>
    public bool Take(List<TextRequest> batch)
    {
        batch.Clear();
        int taken = 0;
        lock (_gate)
        {
            while (_waiting.Count == 0 && !_isClosed) Monitor.Wait(_gate);
            HoldUp();
            if (_isClosed) return false;
            for (int tokens = 0; batch.Count < options.MaxBatch && _waiting.TryPeek(out TextRequest? next); taken++)
            {
                tokens += next.Ids.Length;
                if (!next.IsOver && batch.Count > 0 && tokens > options.MaxBatchTokens) break;
                _waiting.Dequeue();
                if (next.IsOver) tokens -= next.Ids.Length;
                else batch.Add(next);
            }

            _expected = Math.Max(1, batch.Count);
        }

        if (taken > 0) _room.Release(taken);
        return true;
    }

    /// <summary>Refuses every request from here on, and those that wait, for an answer or for room: the counter of what is free lives until the last of them is gone.</summary>
    public void Dispose()
    {
        TextRequest[] left;
        lock (_gate)
        {
            if (_isClosed) return;
            _isClosed = true;
            left = [.. _waiting];
            _waiting.Clear();
            Monitor.PulseAll(_gate);
        }

        foreach (TextRequest request in left) request.TrySetException(Gone());
        if (left.Length > 0) _room.Release(left.Length);
    }

    public static ObjectDisposedException Gone() => new(nameof(BatchedTextEncoder), "The text encoder has been disposed.");

    private void HoldUp()
    {
        int enough = Math.Min(_expected, Math.Min(options.MaxBatch, options.QueueLength));
        long start = Stopwatch.GetTimestamp();
        while (_waiting.Count < enough && !_isClosed)
        {
            TimeSpan left = options.MaxWait - Stopwatch.GetElapsedTime(start);
            if (left <= TimeSpan.Zero) return;
            // In whole milliseconds, as the clock of a wait has no finer ones.
            Monitor.Wait(_gate, (int)Math.Ceiling(left.TotalMilliseconds));
        }
    }
}
