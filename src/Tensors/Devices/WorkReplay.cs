namespace MergeEngine.Tensors;

/// <summary>
/// Runs work that gives a device the same operations on the same memory again and again. A device with command graphs captures it once and
/// replays it; any other device just runs it.
/// </summary>
/// <remarks>
/// Nothing has to be declared and no recording can be stale: the host's side of the work runs every time, with its launches written down
/// instead of made, and only if they are those of a recording, argument for argument, is the recording replayed. What a replay saves is the
/// driver's work for every launch. The work may run twice in one call, so it must not add to anything on the host, and it must not read back
/// from the device, upload to it or wait for it. Nor may it wait for another thread that uses the device (which waits for this work), or give a
/// stream that it shares with another library that library's work: only operations of the device are replayed.
/// </remarks>
public class WorkReplay : IDisposable
{
    internal WorkReplay()
    {
    }

    /// <summary>Runs the work, or replays it if it is known.</summary>
    /// <typeparam name="TState">What the work needs; a struct or a cached object, so that nothing is allocated.</typeparam>
    /// <param name="state">Handed to <paramref name="work"/>.</param>
    /// <param name="work">A static lambda.</param>
    public virtual void Run<TState>(TState state, Action<TState> work) => work(state);

    /// <summary>Gives back what was recorded.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
    }
}
