namespace MergeEngine.Merging.Streaming.Execution.Pipeline;

/// <summary>
/// Work that goes through the pipeline in chunks, once or several times: read by any thread, computed in order by one thread at a time, written by any
/// thread. Its passes follow each other.
/// </summary>
internal abstract class ChunkFlow : IDisposable
{
    /// <summary>Bytes that it holds beside the chunks while it is open.</summary>
    public abstract long WorkingBytes { get; }

    /// <summary>Bytes of the memory that each chunk gets.</summary>
    public abstract long ChunkBytes { get; }

    /// <summary>Chunks that stay in memory from the first pass to the last; 0 if each pass reads them again.</summary>
    public virtual int HeldChunks => 0;

    /// <summary>Whether one chunk is all there is of it.</summary>
    public virtual bool IsSingle => false;

    /// <summary>Whether it is the only one of its time, so that every thread of the device should help to compute its chunks.</summary>
    public virtual bool ComputesOnAllThreads => false;

    /// <summary>The next chunk of this pass; null at its end. One thread at a time.</summary>
    public abstract Chunk? Next();

    /// <summary>Fills a chunk's memory.</summary>
    public abstract void Read(Chunk chunk);

    /// <summary>Works on a chunk that was read; in order, one at a time.</summary>
    public abstract void Compute(Chunk chunk);

    /// <summary>Writes what was computed, if this pass writes.</summary>
    public abstract void Write(Chunk chunk);

    /// <summary>Ends a pass, after its last chunk.</summary>
    /// <returns>Whether another one follows.</returns>
    public abstract bool EndPass();

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
    }
}
