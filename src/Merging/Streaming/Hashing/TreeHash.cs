using System.Buffers;
using MergeEngine.Merging.Streaming.Hashing.Blake3;

namespace MergeEngine.Merging.Streaming.Hashing;

/// <summary>
/// BLAKE3 of a file of several pieces, or the count of a file's bytes alone. A piece has strips of 1 MiB, a strip has units of 16 KiB; a unit is hashed when all of it
/// has come, mostly where it lies, and a strip, a piece and the file are joined from what is below them.
/// </summary>
internal sealed class TreeHash : StreamedHash
{
    private const int StripsOfPiece = PieceBytes / Strip.Bytes;

    private readonly Piece[] pieces;
    private readonly Strip?[] strips;
    private readonly bool hashing;

    public TreeHash(long length, ReadAt readAgain, Action<int, ReadOnlyMemory<byte>>? finished, bool hashing)
        : base(length, readAgain, finished)
    {
        this.hashing = hashing;
        strips = new Strip?[checked((int)((length + Strip.Bytes - 1) / Strip.Bytes))];
        pieces = new Piece[PieceCount];
        for (int i = 0; i < pieces.Length; i++) pieces[i] = new Piece { Missing = StripCount(i) };
        if (length == 0) pieces[0].Digest = [];
    }

    public override byte[]? DigestOf(int piece) => Volatile.Read(ref pieces[piece].Digest);

    public override void Restore(int piece, byte[] digest) => Volatile.Write(ref pieces[piece].Digest, digest);

    public override long Add(long offset, ReadOnlySpan<byte> bytes)
    {
        long added = 0;
        while (!bytes.IsEmpty)
        {
            int strip = (int)(offset / Strip.Bytes), start = (int)(offset % Strip.Bytes), count = Math.Min(bytes.Length, Strip.Bytes - start);
            if (!IsComplete(strip / StripsOfPiece)) added += AddTo(strip, start, bytes[..count]);
            offset += count;
            bytes = bytes[count..];
        }

        return added;
    }

    public override void Finish(int threads, CancellationToken cancellation)
    {
        int[] open = [.. Enumerable.Range(0, strips.Length).Where(i => !IsComplete(i / StripsOfPiece) && StripOf(i) != Strip.Done)];
        Parallel.ForEach(open, new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, threads), CancellationToken = cancellation }, i =>
        {
            byte[] buffer = ArrayPool<byte>.Shared.Rent(Strip.ReadBytes);
            try
            {
                while (StripOf(i).NextMissing() is var (start, count) && count > 0)
                {
                    cancellation.ThrowIfCancellationRequested();
                    Span<byte> block = buffer.AsSpan(0, count);
                    if (hashing) ReadFile(((long)i * Strip.Bytes) + start, block);
                    AddTo(i, start, block);
                }
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        });
    }

    private int StripCount(int piece) => (LengthOf(piece) + Strip.Bytes - 1) / Strip.Bytes;

    private Strip StripOf(int index)
    {
        if (Volatile.Read(ref strips[index]) is { } there) return there;
        var made = new Strip((int)Math.Min(Strip.Bytes, Length - ((long)index * Strip.Bytes)));
        return Interlocked.CompareExchange(ref strips[index], made, null) ?? made;
    }

    private int AddTo(int index, int start, ReadOnlySpan<byte> bytes)
    {
        Strip strip = StripOf(index);
        int added = strip.Claim(start, bytes.Length, out ulong whole);
        if (whole == 0) return added;
        if (hashing) Hash(strip, index, start, bytes, whole);
        if (!strip.Complete(whole)) return added;
        Volatile.Write(ref strips[index], Strip.Done);
        Piece piece = pieces[index / StripsOfPiece];
        if (hashing)
        {
            Span<byte> nodes = strip.Values;
            HashTree.Default.Join(nodes);
            nodes[..HashConstants.ValueBytes].CopyTo(piece.ValuesOf(StripCount(index / StripsOfPiece)).AsSpan(index % StripsOfPiece * HashConstants.ValueBytes));
        }

        if (Interlocked.Decrement(ref piece.Missing) == 0) Complete(piece, index / StripsOfPiece);
        return added;
    }

    /// <summary>Hashes units of a strip: where they lie if all of them is there, otherwise from the file.</summary>
    private void Hash(Strip strip, int index, int start, ReadOnlySpan<byte> bytes, ulong whole)
    {
        long first = (long)index * Strip.Bytes;
        for (int unit = 0; unit < Strip.Units;)
        {
            if ((whole >> unit & 1) == 0)
            {
                unit++;
                continue;
            }

            int end = unit + 1, from = unit * Strip.UnitBytes;
            if (from < start || strip.EndOf(unit) > start + bytes.Length)
            {
                byte[] buffer = ArrayPool<byte>.Shared.Rent(Strip.UnitBytes);
                Span<byte> again = buffer.AsSpan(0, strip.EndOf(unit) - from);
                ReadFile(first + from, again);
                strip.Hash(unit, again, first + from);
                ArrayPool<byte>.Shared.Return(buffer);
            }
            else
            {
                while (end < Strip.Units && (whole >> end & 1) != 0 && strip.EndOf(end) <= start + bytes.Length) end++;
                strip.Hash(unit, bytes[(from - start)..(strip.EndOf(end - 1) - start)], first + from);
            }

            unit = end;
        }
    }

    private void Complete(Piece piece, int index)
    {
        byte[] digest = [];
        if (hashing)
        {
            Span<byte> nodes = piece.ValuesOf(StripCount(index));
            HashTree.Default.Join(nodes);
            digest = nodes[..HashConstants.ValueBytes].ToArray();
        }

        piece.Values = null;
        Volatile.Write(ref piece.Digest, digest);
        Report(index, digest);
    }

    private sealed class Piece
    {
        /// <summary>Strips that are not complete.</summary>
        public int Missing;
        public byte[]? Values;
        public byte[]? Digest;

        /// <summary>The chaining values of its strips.</summary>
        public byte[] ValuesOf(int strips)
        {
            if (Volatile.Read(ref Values) is { } there) return there;
            byte[] made = new byte[strips * HashConstants.ValueBytes];
            return Interlocked.CompareExchange(ref Values, made, null) ?? made;
        }
    }
}
