using System.Buffers;
using System.Security.Cryptography;

namespace MergeEngine.Merging.Streaming.Output;

/// <summary>
/// The hash of a file whose bytes pass by in any order and from any thread: SHA-256 of each piece of 16 MiB, and SHA-256 over those digests
/// as the file's own. A file of one piece has its plain SHA-256, the one that <c>sha256sum</c> prints.
/// </summary>
/// <remarks>
/// Bytes that continue their piece are hashed where they lie. Bytes that come too early, or while another thread hashes the same piece, are only
/// remembered by their place and read again, most likely from the page cache, by the thread that comes to them: memory does not grow with
/// disorder, and no thread waits for another's hashing.
/// </remarks>
internal sealed class StreamedHash
{
    public const int PieceBytes = 1 << 24;

    private const int ReadBytes = 1 << 18;

    private readonly Piece[] pieces;
    private readonly ReadAt readAgain;
    private readonly Action<int, ReadOnlyMemory<byte>>? finished;
    private readonly bool hashing;
    private long readAgainBytes;

    /// <param name="length">The file's length in bytes.</param>
    /// <param name="readAgain">Fills a span from the file.</param>
    /// <param name="finished">Is told of each piece that is complete, on the thread that completed it.</param>
    /// <param name="hashing">False to keep count of the bytes only.</param>
    public StreamedHash(long length, ReadAt readAgain, Action<int, ReadOnlyMemory<byte>>? finished = null, bool hashing = true)
    {
        Length = length;
        this.readAgain = readAgain;
        this.finished = finished;
        this.hashing = hashing;
        pieces = new Piece[CountOf(length)];
        for (int i = 0; i < pieces.Length; i++) pieces[i] = new Piece();
        if (length == 0) pieces[0].Digest = hashing ? SHA256.HashData([]) : [];
    }

    public delegate void ReadAt(long offset, Span<byte> destination);

    public long Length { get; }

    public int PieceCount => pieces.Length;

    /// <summary>Bytes read from the file because they had come too early, or had not come at all; a measure of disorder.</summary>
    public long ReadAgain => Interlocked.Read(ref readAgainBytes);

    /// <summary>Pieces of a file; an empty file has one, which is empty.</summary>
    public static int CountOf(long length) => checked((int)Math.Max(1, (length + PieceBytes - 1) / PieceBytes));

    /// <summary>The file's hash from those of its pieces.</summary>
    public static byte[] Root(IReadOnlyList<byte[]> digests)
    {
        if (digests.Count == 1) return digests[0];
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (byte[] digest in digests) hash.AppendData(digest);
        return hash.GetHashAndReset();
    }

    public int LengthOf(int piece) => (int)Math.Min(PieceBytes, Length - ((long)piece * PieceBytes));

    public bool IsComplete(int piece) => Volatile.Read(ref pieces[piece].Digest) is not null;

    /// <summary>The digests of all pieces.</summary>
    /// <exception cref="InvalidOperationException">A piece is not complete.</exception>
    public byte[][] Digests() => [.. pieces.Select((piece, i) => piece.Digest ?? throw new InvalidOperationException($"Piece {i} of {pieces.Length} is not complete."))];

    /// <summary>Takes a piece for complete.</summary>
    public void Restore(int piece, byte[] digest) => Volatile.Write(ref pieces[piece].Digest, digest);

    /// <summary>Takes bytes that are in the file already. What was there before is not counted twice.</summary>
    /// <returns>How many of the bytes are new.</returns>
    public long Add(long offset, ReadOnlySpan<byte> bytes)
    {
        long added = 0;
        while (!bytes.IsEmpty)
        {
            int piece = (int)(offset / PieceBytes), start = (int)(offset % PieceBytes);
            int count = Math.Min(bytes.Length, PieceBytes - start);
            added += AddTo(piece, start, bytes[..count]);
            offset += count;
            bytes = bytes[count..];
        }

        return added;
    }

    /// <summary>Reads what has not come by, so that all pieces are complete.</summary>
    public void Finish(int threads, CancellationToken cancellation)
    {
        int[] open = [.. Enumerable.Range(0, pieces.Length).Where(i => !IsComplete(i))];
        Parallel.ForEach(open, new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, threads), CancellationToken = cancellation }, i =>
        {
            Piece piece = pieces[i];
            AppendFromFile(piece, i, LengthOf(i), cancellation);
            Close(piece);
            Report(piece, i);
        });
    }

    private long AddTo(int index, int start, ReadOnlySpan<byte> bytes)
    {
        Piece piece = pieces[index];
        int end = start + bytes.Length, from;
        long added;
        lock (piece)
        {
            if (piece.Digest is not null) return 0;
            added = piece.Uncovered(start, end);
            if (piece.Busy || start > piece.Claimed || end <= piece.Claimed)
            {
                piece.Remember(start, end);
                return added;
            }

            from = piece.Claimed;
            piece.Claimed = end;
            piece.Busy = true;
        }

        // From here to the release only this thread touches the hash.
        if (hashing) piece.Continue().AppendData(bytes[(from - start)..]);
        piece.Hashed = end;
        while (true)
        {
            int until;
            lock (piece)
            {
                until = piece.TakeNext();
                if (until < 0)
                {
                    piece.Busy = false;
                    if (piece.Hashed == LengthOf(index)) Close(piece);
                    break;
                }
            }

            AppendFromFile(piece, index, until, CancellationToken.None);
        }

        Report(piece, index);
        return added;
    }

    /// <summary>Hashes from the file up to a place in the piece.</summary>
    private void AppendFromFile(Piece piece, int index, int until, CancellationToken cancellation)
    {
        if (!hashing)
        {
            piece.Hashed = Math.Max(piece.Hashed, until);
            return;
        }

        byte[] buffer = ArrayPool<byte>.Shared.Rent(ReadBytes);
        try
        {
            while (piece.Hashed < until)
            {
                cancellation.ThrowIfCancellationRequested();
                Span<byte> block = buffer.AsSpan(0, Math.Min(ReadBytes, until - piece.Hashed));
                readAgain(((long)index * PieceBytes) + piece.Hashed, block);
                piece.Continue().AppendData(block);
                piece.Hashed += block.Length;
                Interlocked.Add(ref readAgainBytes, block.Length);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private void Close(Piece piece)
    {
        byte[] digest = hashing ? piece.Continue().GetHashAndReset() : [];
        piece.Hash?.Dispose();
        piece.Hash = null;
        Volatile.Write(ref piece.Digest, digest);
    }

    private void Report(Piece piece, int index)
    {
        if (piece.Digest is not { } digest || Interlocked.Exchange(ref piece.Reported, 1) != 0) return;
        finished?.Invoke(index, digest);
    }

    /// <summary>What has come of a piece: the bytes up to <see cref="Claimed"/>, and islands after it.</summary>
    private sealed class Piece
    {
        public IncrementalHash? Hash;

        /// <summary>Bytes that are in the hash; changed by the thread that is <see cref="Busy"/> with the piece.</summary>
        public int Hashed;

        /// <summary>Bytes that are in the hash or about to be.</summary>
        public int Claimed;
        public bool Busy;
        public byte[]? Digest;
        public int Reported;

        private readonly List<(int Start, int End)> islands = [];

        public IncrementalHash Continue() => Hash ??= IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

        /// <summary>How many bytes of a range have not come yet.</summary>
        public int Uncovered(int start, int end)
        {
            int from = Math.Max(start, Claimed), missing = Math.Max(0, end - from);
            foreach ((int first, int last) in islands) missing -= Math.Max(0, Math.Min(end, last) - Math.Max(from, first));
            return missing;
        }

        public void Remember(int start, int end)
        {
            start = Math.Max(start, Claimed);
            if (start >= end) return;
            int at = 0;
            while (at < islands.Count && islands[at].End < start) at++;
            while (at < islands.Count && islands[at].Start <= end)
            {
                start = Math.Min(start, islands[at].Start);
                end = Math.Max(end, islands[at].End);
                islands.RemoveAt(at);
            }

            islands.Insert(at, (start, end));
        }

        /// <summary>Claims the next island that the hash has reached.</summary>
        /// <returns>Its end; negative if there is none.</returns>
        public int TakeNext()
        {
            while (islands.Count > 0 && islands[0].Start <= Claimed)
            {
                int end = islands[0].End;
                islands.RemoveAt(0);
                if (end <= Claimed) continue;
                Claimed = end;
                return end;
            }

            return -1;
        }
    }
}
