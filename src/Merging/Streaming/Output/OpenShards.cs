using Microsoft.Win32.SafeHandles;

namespace MergeEngine.Merging.Streaming.Output;

/// <summary>
/// Keeps few weight files open at a time, however many an output has: one is opened when it is used and closed when it is whole, or when others need its place more. A system allows a
/// process so many open files (<c>ulimit -n</c>), and a model may have thousands of shards.
/// </summary>
/// <remarks>
/// A closed file is not a synced one: what the disk fails to take after that is told, on Linux, to whoever opens the file next, which is the sync at the end.
/// </remarks>
internal sealed class OpenShards
{
    /// <summary>Tensors come nearly in the order of the files, some of each at a time by several threads; a file more costs no more than opening it again.</summary>
    public const int Most = 16;

    private readonly Lock gate = new();
    private readonly List<Entry> open = [];
    private long clock;

    /// <summary>Files that are open now.</summary>
    public int Count
    {
        get
        {
            lock (gate) return open.Count;
        }
    }

    /// <summary>The place of a file among the others; nothing is opened yet.</summary>
    public Entry Add(Func<SafeFileHandle> opening) => new(this, opening);

    /// <summary>One file.</summary>
    public sealed class Entry : IDisposable
    {
        private readonly OpenShards owner;
        private readonly Func<SafeFileHandle> opening;
        private SafeFileHandle? handle;
        private int users;
        private long used;
        private bool done;
        private bool disposed;

        internal Entry(OpenShards owner, Func<SafeFileHandle> opening) => (this.owner, this.opening) = (owner, opening);

        /// <summary>Opens the file if it is closed; it stays open until the lease ends.</summary>
        public Lease Use()
        {
            lock (owner.gate)
            {
                ObjectDisposedException.ThrowIf(disposed, this);
                if (handle is null)
                {
                    if (owner.open.Count >= Most) owner.open.Where(e => e.users == 0).MinBy(e => e.used)?.Close();
                    handle = opening();
                    owner.open.Add(this);
                }

                users++;
                used = ++owner.clock;
                return new Lease(this, handle);
            }
        }

        /// <summary>The file is whole: it is closed as soon as nobody uses it.</summary>
        public void Finish()
        {
            lock (owner.gate)
            {
                done = true;
                if (users == 0) Close();
            }
        }

        public void Dispose()
        {
            lock (owner.gate)
            {
                disposed = true;
                Close();
            }
        }

        internal void Return()
        {
            lock (owner.gate)
            {
                if (--users == 0 && done) Close();
            }
        }

        private void Close()
        {
            if (handle is null) return;
            handle.Dispose();
            handle = null;
            owner.open.Remove(this);
        }
    }

    /// <summary>A file while it is used.</summary>
    public readonly struct Lease(Entry entry, SafeFileHandle handle) : IDisposable
    {
        public SafeFileHandle Handle => handle;

        public void Dispose() => entry.Return();
    }
}
