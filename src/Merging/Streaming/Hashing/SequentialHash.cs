using System.Buffers;
using MergeEngine.Merging.Streaming.Hashing.Sha2;

namespace MergeEngine.Merging.Streaming.Hashing;

/// <summary>SHA-256 of a file of one piece, which goes from the first byte to the last: bytes that come too early, or while another thread hashes, are read again.</summary>
internal sealed class SequentialHash : StreamedHash
{
    private const int ReadBytes = 1 << 18;

    private readonly Lock gate = new();
    private readonly ByteRanges came = new();
    private readonly int length;
    private Sha256State? hash;
    private byte[]? digest;
    private int hashed;
    private bool busy;

    public SequentialHash(long length, ReadAt readAgain, Action<int, ReadOnlyMemory<byte>>? finished)
        : base(length, readAgain, finished)
    {
        this.length = checked((int)length);
        if (length == 0) digest = Sha256State.HashData([]);
    }

    public override byte[]? DigestOf(int piece) => Volatile.Read(ref digest);

    public override void Restore(int piece, byte[] digest)
    {
        hash?.Dispose();
        hash = null;
        Volatile.Write(ref this.digest, digest);
    }

    public override long Add(long offset, ReadOnlySpan<byte> bytes)
    {
        int start = checked((int)offset), end = start + bytes.Length;
        long added;
        lock (gate)
        {
            if (digest is not null) return 0;
            added = came.Add(start, end);
            if (busy || start > hashed || end <= hashed) return added;
            busy = true;
        }

        // From here to the release only this thread touches the hash.
        hash ??= Sha256State.Create();
        hash.Append(bytes[(hashed - start)..]);
        hashed = end;
        while (true)
        {
            int until;
            lock (gate)
            {
                until = came.EndFrom(hashed);
                if (until == hashed)
                {
                    if (hashed == length) break;
                    busy = false;
                    return added;
                }
            }

            AppendFromFile(until, CancellationToken.None);
        }

        Close();
        return added;
    }

    public override void Finish(int threads, CancellationToken cancellation)
    {
        if (digest is not null) return;
        AppendFromFile(length, cancellation);
        Close();
    }

    private void AppendFromFile(int until, CancellationToken cancellation)
    {
        hash ??= Sha256State.Create();
        byte[] buffer = ArrayPool<byte>.Shared.Rent(ReadBytes);
        try
        {
            while (hashed < until)
            {
                cancellation.ThrowIfCancellationRequested();
                Span<byte> block = buffer.AsSpan(0, Math.Min(ReadBytes, until - hashed));
                ReadFile(hashed, block);
                hash.Append(block);
                hashed += block.Length;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private void Close()
    {
        byte[] found = hash!.Finish();
        hash.Dispose();
        hash = null;
        Volatile.Write(ref digest, found);
        Report(0, found);
    }
}
