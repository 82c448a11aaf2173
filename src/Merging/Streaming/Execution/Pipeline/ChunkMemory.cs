using MergeEngine.Tensors;

namespace MergeEngine.Merging.Streaming.Execution.Pipeline;

/// <summary>
/// Host memory for chunks, used again and again: fresh pages cost more than reading into them. What it holds, rented or not, is bounded by what is left of the budget beside what the
/// flows hold themselves, as long as they rent what they have reserved or taken of the common store, rounded up.
/// </summary>
internal sealed class ChunkMemory(Device host, long most) : IDisposable
{
    private const long Step = 256 << 10;

    /// <summary>Bytes that a chunk gets beyond what it asked for at most: large ones share their memory only with those of about their size.</summary>
    private const long Spare = 2 << 20;

    private readonly Lock _gate = new();
    private readonly List<DeviceBuffer> _free = [];
    private readonly List<DeviceBuffer> _all = [];
    private long _most = most;
    private long _held;

    /// <summary>Memory of at least so many bytes, with any content.</summary>
    public DeviceBuffer Rent(long bytes)
    {
        // Chunks of whole rows differ a little from tensor to tensor, and share their memory.
        if (bytes >= 8 * Step) bytes = (bytes + Step - 1) / Step * Step;
        lock (_gate)
        {
            int best = -1;
            for (int i = 0; i < _free.Count; i++)
            {
                // A much larger one is kept for those who need it.
                if (_free[i].ByteLength >= bytes && _free[i].ByteLength - bytes <= Math.Min(bytes, Spare) && (best < 0 || _free[i].ByteLength < _free[best].ByteLength)) best = i;
            }

            if (best >= 0)
            {
                DeviceBuffer found = _free[best];
                _free.RemoveAt(best);
                return found;
            }

            Trim(bytes);
            _held += bytes;
        }

        DeviceBuffer made = host.Allocate(bytes);
        lock (_gate) _all.Add(made);
        return made;
    }

    /// <summary>Holds no more than so many bytes from now on, as far as they are not rented.</summary>
    public void Limit(long most)
    {
        lock (_gate)
        {
            _most = most;
            Trim(0);
        }
    }

    public void Return(DeviceBuffer memory)
    {
        lock (_gate) _free.Add(memory);
    }

    /// <summary>Frees all of it, also what a failure has left with a chunk.</summary>
    public void Dispose()
    {
        foreach (DeviceBuffer memory in _all) memory.Dispose();
        _all.Clear();
        _free.Clear();
    }

    private void Trim(long more)
    {
        while (_held + more > _most && _free.Count > 0)
        {
            DeviceBuffer last = _free[^1];
            _held -= last.ByteLength;
            _free.RemoveAt(_free.Count - 1);
            _all.Remove(last);
            last.Dispose();
        }
    }
}
