using MergeEngine.Tensors.Cpu.Threads;

namespace MergeEngine.Tensors.Cpu.Kernels;

/// <summary>
/// What only one caller may use at a time, made when it is first wanted. Callers that work with the team share one and wait for each other; who works alone takes one of his
/// own. It must not be the same: in a task of the team he would wait for a caller who holds it and waits for the team.
/// </summary>
internal sealed class Leased<T>(WorkerPool pool, Func<T> make) : IDisposable
    where T : class, IDisposable
{
    private readonly object _team = new(), _own = new(); // Not Locks, which allocate at their first contention.

    /// <summary>As many as threads worked alone at one time.</summary>
    private readonly Stack<T> _returned = new();

    private T? _shared;

    public Lease Take()
    {
        if (pool.IsEntered)
        {
            T? returned;
            lock (_own) _ = _returned.TryPop(out returned);
            return new Lease(this, returned ?? make(), isOwn: true);
        }

        Monitor.Enter(_team);
        try
        {
            return new Lease(this, _shared ??= make(), isOwn: false);
        }
        catch
        {
            Monitor.Exit(_team);
            throw;
        }
    }

    public void Dispose()
    {
        lock (_team) _shared?.Dispose();
        lock (_own)
        {
            foreach (T own in _returned) own.Dispose();
        }
    }

    /// <summary>The use of one; ends on the thread on which it began.</summary>
    public readonly ref struct Lease(Leased<T> owner, T value, bool isOwn)
    {
        public T Value => value;

        public void Dispose()
        {
            if (!isOwn)
            {
                Monitor.Exit(owner._team);
                return;
            }

            lock (owner._own) owner._returned.Push(value);
        }
    }
}
