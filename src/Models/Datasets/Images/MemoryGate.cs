namespace MergeEngine.Models.Datasets.Images;

/// <summary>Lets threads at work while what they need together stays within a limit; one that needs more than the limit works alone.</summary>
/// <param name="limit">Bytes.</param>
internal sealed class MemoryGate(long limit)
{
    private readonly Lock _lock = new();
    private readonly Queue<Waiting> _waiting = [];
    private long _used;

    /// <summary>Waits until there is room, in the order of arrival. A thread that has entered must leave before it enters again.</summary>
    /// <param name="bytes">What the work needs.</param>
    /// <returns>Disposed when the work is done.</returns>
    public Entry Enter(long bytes)
    {
        bytes = Math.Clamp(bytes, 0, limit);
        Waiting? mine = null;
        lock (_lock)
        {
            if (_waiting.Count == 0 && _used + bytes <= limit) _used += bytes;
            else _waiting.Enqueue(mine = new Waiting(bytes));
        }

        mine?.Await();
        return new Entry(this, bytes);
    }

    private void Leave(long bytes)
    {
        lock (_lock)
        {
            _used -= bytes;
            while (_waiting.TryPeek(out Waiting? next) && _used + next.Bytes <= limit)
            {
                _used += next.Bytes;
                _waiting.Dequeue().Admit();
            }
        }
    }

    /// <summary>Room that is taken.</summary>
    public readonly struct Entry(MemoryGate gate, long bytes) : IDisposable
    {
        public void Dispose() => gate.Leave(bytes);
    }

    private sealed class Waiting(long bytes)
    {
        private readonly object _admitting = new();
        private bool _admitted;

        public long Bytes { get; } = bytes;

        public void Await()
        {
            lock (_admitting)
            {
                while (!_admitted) Monitor.Wait(_admitting);
            }
        }

        public void Admit()
        {
            lock (_admitting)
            {
                _admitted = true;
                Monitor.Pulse(_admitting);
            }
        }
    }
}
