using System.Diagnostics;
using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Cpu.Threads;

/// <summary>
/// Where one thread sleeps until another wakes it. The sleeper announces itself (<see cref="Prepare"/>), looks once more whether there is
/// work, and then sleeps (<see cref="Park"/>) or goes on (<see cref="Cancel"/>); so no wake-up is lost. Waking a thread that is awake costs one load.
/// </summary>
internal sealed class Parking
{
    private readonly object _gate = new();
    private int _parked;

    public void Prepare() => Interlocked.Exchange(ref _parked, 1);

    public void Cancel() => Interlocked.Exchange(ref _parked, 0);

    /// <summary>Sleeps until <see cref="Wake"/>. An interruption of the thread does not end the sleep: it is kept for the thread's next wait.</summary>
    public void Park()
    {
        bool interrupted = false;
        while (!TryPark())
            interrupted = true;
        if (interrupted)
            Thread.CurrentThread.Interrupt();
    }

    /// <summary>Wakes the thread if it sleeps or is about to. The caller has published the work with a full fence before.</summary>
    public void Wake()
    {
        if (Volatile.Read(ref _parked) == 0)
            return;
        bool interrupted = false;
        while (!TryWake())
            interrupted = true;
        if (interrupted)
            Thread.CurrentThread.Interrupt();
    }

    /// <summary>False when the thread was interrupted and may have to sleep on.</summary>
    private bool TryPark()
    {
        try
        {
            lock (_gate)
            {
                while (Volatile.Read(ref _parked) != 0)
                    Monitor.Wait(_gate);
            }
            return true;
        }
        catch (ThreadInterruptedException)
        {
            return false;
        }
    }

    /// <summary>False when the thread was interrupted before it had the lock.</summary>
    private bool TryWake()
    {
        try
        {
            lock (_gate)
            {
                if (Interlocked.Exchange(ref _parked, 0) != 0)
                    Monitor.Pulse(_gate);
            }
            return true;
        }
        catch (ThreadInterruptedException)
        {
            return false;
        }
    }
}

/// <summary>
/// A tenth of a millisecond of waiting without sleep: longer than the parts of an encoder's pass that one thread does alone, since waking a team takes as long as they do; no longer,
/// because machines are shared. Later turns offer the core to other threads.
/// </summary>
internal struct BoundedSpin
{
    private static readonly long s_limit = Stopwatch.Frequency * 100 / 1_000_000;

    private long _start;
    private int _turn;

    /// <summary>Waits a moment; false when the time is used up.</summary>
    public bool Next()
    {
        if (++_turn < 16)
        {
            Thread.SpinWait(4);
            return true;
        }
        long now = Stopwatch.GetTimestamp();
        if (_start == 0)
            _start = now;
        else if (now - _start > s_limit)
            return false;
        if ((_turn & 7) == 0)
            Thread.Yield();
        else
            Thread.SpinWait(8);
        return true;
    }
}

/// <summary>A word alone in its cache lines, so that waiting threads do not slow down those who write beside it.</summary>
[StructLayout(LayoutKind.Explicit, Size = 256)]
internal struct PaddedLong
{
    [FieldOffset(128)]
    public long Value;
}
