namespace MergeEngine.Tensors;

/// <summary>
/// While one of these is there, large blocks of host memory that are given back stay in the process for the next requests of the same size: a job that takes and gives back the
/// same working memory again and again, matrix after matrix, need not have the system clear and map every page of it each time. What is kept and what is in use are never more
/// together than what was in use at one time since the first of these began; with the last one, all that is kept goes back to the system.
/// </summary>
/// <remarks>Of the whole process and thread-safe. On Linux; elsewhere it changes nothing.</remarks>
public sealed class MemoryReuse : IDisposable
{
    private static readonly Lock s_gate = new();
    private static readonly List<Block> s_kept = [];
    private static int s_count;
    private static long s_inUse;
    private static long s_most;
    private static long s_keptBytes;

    private bool _ended;

    public MemoryReuse()
    {
        lock (s_gate)
        {
            if (s_count++ == 0) s_most = s_inUse;
        }
    }

    /// <summary>Bytes that are kept for nobody in particular.</summary>
    internal static long KeptBytes
    {
        get
        {
            lock (s_gate) return s_keptBytes;
        }
    }

    public void Dispose()
    {
        lock (s_gate)
        {
            if (_ended) return;
            _ended = true;
            if (--s_count == 0) Release(0);
        }
    }

    /// <summary>Counts a block that is about to be taken, and looks for one that is kept.</summary>
    /// <param name="bytes">Its size.</param>
    /// <param name="hasLargePages">Whether large pages were asked for.</param>
    /// <returns>A block with the content that it had; 0 where the system has to be asked.</returns>
    internal static nint Take(long bytes, bool hasLargePages)
    {
        lock (s_gate)
        {
            CountMost();
            s_inUse += bytes;
            nint found = 0;
            // The latest are those that are most likely in a cache.
            for (int i = s_kept.Count - 1; i >= 0 && found == 0; i--)
            {
                if (s_kept[i].Bytes != bytes || s_kept[i].HasLargePages != hasLargePages) continue;
                found = s_kept[i].Address;
                s_kept.RemoveAt(i);
                s_keptBytes -= bytes;
            }

            if (s_kept.Count > 0) Release(Math.Max(0, s_most - s_inUse));
            return found;
        }
    }

    /// <summary>Counts a block out that could not be had after all.</summary>
    internal static void Forget(long bytes)
    {
        lock (s_gate) s_inUse -= bytes;
    }

    /// <summary>Counts a block out; false if the system gets it back.</summary>
    internal static bool Keep(nint address, long bytes, bool hasLargePages)
    {
        lock (s_gate)
        {
            CountMost();
            s_inUse -= bytes;
            if (s_count == 0) return false;
            s_kept.Add(new Block(address, bytes, hasLargePages));
            s_keptBytes += bytes;
            return true;
        }
    }

    /// <summary>Before what is in use changes, and not when a block is counted: it may be one that could not be had.</summary>
    private static void CountMost() => s_most = Math.Max(s_most, s_inUse);

    /// <summary>Gives the oldest blocks back until no more than so many bytes are kept.</summary>
    private static void Release(long bytes)
    {
        int count = 0;
        for (; s_keptBytes > bytes; count++)
        {
            HostMemory.Return(s_kept[count].Address, s_kept[count].Bytes);
            s_keptBytes -= s_kept[count].Bytes;
        }

        s_kept.RemoveRange(0, count);
    }

    private readonly record struct Block(nint Address, long Bytes, bool HasLargePages);
}
