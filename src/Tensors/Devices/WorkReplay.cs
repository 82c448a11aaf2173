namespace MergeEngine.Tensors;

/// <summary>
/// Runs work that launches the same operations on the same memory whenever its key is the same. A device with command graphs captures it
/// once for each key and replays it; any other device just runs it.
/// </summary>
/// <remarks>
/// The key holds everything that decides what is launched: sizes, modes, scalars, and the addresses of memory that the caller may exchange.
/// Recordings whose memory has been freed since are dropped by themselves. The work must not read back from the device, allocate on it or
/// wait for it; the first run of a key is an ordinary one, so that workspaces exist when the capture comes.
/// </remarks>
public class WorkReplay : IDisposable
{
    internal WorkReplay()
    {
    }

    /// <summary>Runs the work, or replays what it launched under this key before.</summary>
    /// <typeparam name="TState">What the work needs; a struct or a cached object, so that nothing is allocated.</typeparam>
    /// <param name="key">Compared element by element.</param>
    /// <param name="state">Handed to <paramref name="work"/>.</param>
    /// <param name="work">A static lambda: it may run now, or not at all when its launches are known.</param>
    public virtual void Run<TState>(ReadOnlySpan<long> key, TState state, Action<TState> work) => work(state);

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
    }
}
