using MergeEngine.Merging.Streaming.Hashing;
using MergeEngine.Merging.Streaming.Hashing.Sha2;
using MergeEngine.Merging.Streaming.Profiling;
using Microsoft.Win32.SafeHandles;

namespace MergeEngine.Merging.Streaming.Output;

/// <summary>A weight file while it is written: its place on the disk is taken at once, its bytes come in any order.</summary>
internal sealed class ShardFile : IDisposable
{
    private readonly OpenShards.Entry file;
    private readonly bool[] restored;
    private readonly StageTimes? times;
    private long missing;
    private bool synced;

    /// <summary>Makes the file, or opens one that is there.</summary>
    /// <param name="open">The weight files that are open.</param>
    /// <param name="path">The file under its temporary name.</param>
    /// <param name="shard">What it will hold.</param>
    /// <param name="finished">Is told of each 16 MiB piece that is complete.</param>
    /// <param name="hashing">False to keep count of the bytes only.</param>
    /// <param name="times">Takes the time; null where nobody asks.</param>
    public ShardFile(OpenShards open, string path, OutputShard shard, Action<int, ReadOnlyMemory<byte>> finished, bool hashing, StageTimes? times = null)
    {
        this.times = times;
        Syncing = Sync;
        FilePath = path;
        Shard = shard;
        long length = missing = shard.Layout.FileLength;
        using (SafeFileHandle handle = File.Exists(path) ? Open() : File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, FileOptions.None, length))
        {
            if (RandomAccess.GetLength(handle) != length) RandomAccess.SetLength(handle, length);
        }

        file = open.Add(Open);
        Hash = StreamedHash.Create(length, Read, finished, hashing);
        restored = new bool[Hash.PieceCount];
    }

    public string FilePath { get; }

    /// <summary><see cref="Sync"/>, made once for all the calls that hand it on.</summary>
    public Action Syncing { get; }

    public OutputShard Shard { get; }

    public StreamedHash Hash { get; }

    /// <summary>SHA-256 of the bytes up to the data, in hexadecimal digits, once they are written.</summary>
    public string? HeaderHash { get; private set; }

    /// <summary>Writes the bytes up to the data.</summary>
    public void WriteHeader()
    {
        ReadOnlyMemory<byte> header = Shard.Layout.HeaderBytes;
        HeaderHash = Convert.ToHexStringLower(Sha256State.HashData(header.Span));
        Write(0, header.Span);
    }

    /// <summary>Writes bytes to their place, but not over pieces that an earlier run finished.</summary>
    /// <returns>False if some of the bytes had been written by this run before.</returns>
    public bool Write(long offset, ReadOnlySpan<byte> bytes)
    {
        bool fresh = true;
        while (!bytes.IsEmpty)
        {
            // As much at once as lies in pieces of one kind: usually all of it.
            int piece = (int)(offset / StreamedHash.PieceBytes), last = piece;
            while (last + 1 < restored.Length && restored[last + 1] == restored[piece] && (last + 1L) * StreamedHash.PieceBytes < offset + bytes.Length) last++;
            int count = (int)Math.Min(bytes.Length, ((last + 1L) * StreamedHash.PieceBytes) - offset);
            if (!restored[piece])
            {
                long start = StageTimes.Start(times);
                using (OpenShards.Lease open = file.Use()) RandomAccess.Write(open.Handle, bytes[..count], offset);
                times?.Add(MergeStage.Writing, start, count);
                start = StageTimes.Start(times);
                long added = Hash.Add(offset, bytes[..count]);
                Interlocked.Add(ref missing, -added);
                fresh &= added == count;
                times?.Add(MergeStage.HashingOutputs, start, count);
            }

            offset += count;
            bytes = bytes[count..];
        }

        return fresh;
    }

    /// <summary>True if an earlier run finished the pieces that hold these bytes.</summary>
    public bool IsRestored(long offset, long length)
    {
        if (length == 0) return true;
        for (long piece = offset / StreamedHash.PieceBytes; piece <= (offset + length - 1) / StreamedHash.PieceBytes; piece++)
        {
            if (!restored[piece]) return false;
        }

        return true;
    }

    /// <summary>Takes over a piece of an earlier run if its bytes have the hash that was noted.</summary>
    public bool TryRestore(int piece, byte[] digest)
    {
        if (!PieceDigest.Of(Read, Hash.Length, piece).AsSpan().SequenceEqual(digest)) return false;
        restored[piece] = true;
        Hash.Restore(piece, digest);
        Interlocked.Add(ref missing, -Hash.LengthOf(piece));
        return true;
    }

    /// <summary>Whether every byte is written.</summary>
    public bool IsWhole => Volatile.Read(ref missing) == 0;

    /// <summary>Waits until the disk holds what is written. A file that is whole is synced once, and then closed.</summary>
    public void Sync()
    {
        bool whole = IsWhole;
        if (Volatile.Read(ref synced)) return;
        using (OpenShards.Lease open = file.Use()) RandomAccess.FlushToDisk(open.Handle);
        if (!whole) return;
        Volatile.Write(ref synced, true);
        file.Finish();
    }

    public void Dispose() => file.Dispose();

    private SafeFileHandle Open() => File.OpenHandle(FilePath, FileMode.Open, FileAccess.ReadWrite, FileShare.None);

    private void Read(long offset, Span<byte> destination)
    {
        using OpenShards.Lease open = file.Use();
        FileBytes.Fill(open.Handle, FilePath, offset, destination);
    }
}
