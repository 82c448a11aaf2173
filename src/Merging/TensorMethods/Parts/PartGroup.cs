using System.Runtime.ExceptionServices;

namespace MergeEngine.Merging.TensorMethods.Parts;

/// <summary>
/// Parts of one tensor's merge that do not wait for each other. The thread that needs them begins with the first; others may join it, each with a worker of its own. Which thread
/// does a part changes no bit of it.
/// </summary>
/// <param name="count">How many there are.</param>
/// <param name="helperBytes">Bytes that each thread that joins takes, for the plan of memory.</param>
/// <param name="begin">Makes the worker of a thread that joins, on that thread.</param>
internal sealed class PartGroup(int count, long helperBytes, Func<IPartWorker> begin)
{
    private readonly object _gate = new();
    private int _next;
    private int _helpers;
    private int _failed = -1;
    private ExceptionDispatchInfo? _failure;

    public int Count => count;

    public long HelperBytes => helperBytes;

    /// <summary>Whether there are parts that nobody has begun.</summary>
    public bool HasParts
    {
        get
        {
            lock (_gate) return IsOpen;
        }
    }

    private bool IsOpen => _next < count && _failure is null;

    /// <summary>Announces a thread that will <see cref="Help"/>.</summary>
    /// <returns>False if there is nothing left to do.</returns>
    public bool TryJoin()
    {
        lock (_gate)
        {
            if (!IsOpen) return false;
            _helpers++;
            return true;
        }
    }

    /// <summary>Does parts until none is left, after <see cref="TryJoin"/>. Failures are the owner's.</summary>
    public void Help()
    {
        try
        {
            using IPartWorker worker = begin();
            Work(worker);
        }
        catch (Exception e)
        {
            Keep(e, count);
        }

        lock (_gate)
        {
            _helpers--;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Does parts until none is left.</summary>
    public void Work(IPartWorker worker)
    {
        while (Claim() is var part and >= 0)
        {
            try
            {
                worker.Do(part);
            }
            catch (Exception e)
            {
                // Thrown again by Complete, on the owner's thread.
                Keep(e, part);
            }
        }
    }

    /// <summary>Waits for those who have joined. The owner's own work is done: parts that are not done are theirs.</summary>
    /// <exception cref="Exception">That of the lowest part that failed.</exception>
    public void Complete()
    {
        lock (_gate)
        {
            while (_helpers > 0) Monitor.Wait(_gate);
        }

        _failure?.Throw();
    }

    private int Claim()
    {
        lock (_gate) return IsOpen ? _next++ : -1;
    }

    private void Keep(Exception failure, int part)
    {
        lock (_gate)
        {
            if (_failure is null || part < _failed) (_failure, _failed) = (ExceptionDispatchInfo.Capture(failure), part);
        }
    }
}
