namespace MergeEngine.Merging.Streaming.Hashing;

/// <summary>
/// The hash of a file whose bytes pass by in any order and from any thread. A file of one piece of 16 MiB has its SHA-256, a larger one its BLAKE3, which are what
/// <c>sha256sum</c> and <c>b3sum</c> print. Each piece has a digest of its own: of a larger file the chaining value of its subtree.
/// </summary>
/// <remarks>
/// Bytes are hashed where they lie, by the thread that brings them, while they are in its cache. What cannot be hashed yet is only remembered by its place and
/// read again, most likely from the page cache, by the thread that completes it: memory does not grow with disorder, and no thread waits for another's hashing.
/// </remarks>
internal abstract class StreamedHash
{
    public const int PieceBytes = 1 << 24;

    private readonly ReadAt readAgain;
    private readonly Action<int, ReadOnlyMemory<byte>>? finished;
    private long readAgainBytes;

    protected StreamedHash(long length, ReadAt readAgain, Action<int, ReadOnlyMemory<byte>>? finished)
    {
        (Length, this.readAgain, this.finished) = (length, readAgain, finished);
        PieceCount = CountOf(length);
    }

    /// <summary>Fills a span from the file.</summary>
    public delegate void ReadAt(long offset, Span<byte> destination);

    public long Length { get; }

    public int PieceCount { get; }

    /// <summary>Bytes read from the file because they could not be hashed when they came, or had not come at all; a measure of disorder.</summary>
    public long ReadAgain => Interlocked.Read(ref readAgainBytes);

    /// <summary>The hash of a file.</summary>
    /// <param name="length">The file's length in bytes.</param>
    /// <param name="readAgain">Fills a span from the file.</param>
    /// <param name="finished">Is told of each piece that is complete, on the thread that completed it.</param>
    /// <param name="hashing">False to keep count of the bytes only.</param>
    public static StreamedHash Create(long length, ReadAt readAgain, Action<int, ReadOnlyMemory<byte>>? finished = null, bool hashing = true) =>
        hashing && FileHash.KindOf(length) == FileHashKind.Sha256 ? new SequentialHash(length, readAgain, finished) : new TreeHash(length, readAgain, finished, hashing);

    /// <summary>Pieces of a file; an empty file has one, which is empty.</summary>
    public static int CountOf(long length) => checked((int)Math.Max(1, (length + PieceBytes - 1) / PieceBytes));

    /// <summary>The length of a piece of a file.</summary>
    public static int LengthOf(int piece, long fileLength) => (int)Math.Min(PieceBytes, fileLength - ((long)piece * PieceBytes));

    /// <summary>The file's hash from the digests of its pieces.</summary>
    public static FileHash Root(IReadOnlyList<byte[]> digests) => digests is [byte[] only]
        ? new FileHash(FileHashKind.Sha256, Convert.ToHexStringLower(only))
        : new FileHash(FileHashKind.Blake3, Convert.ToHexStringLower(Blake3.HashTree.Default.Root(digests.SelectMany(d => d).ToArray())));

    public int LengthOf(int piece) => LengthOf(piece, Length);

    public bool IsComplete(int piece) => DigestOf(piece) is not null;

    /// <summary>The digest of a piece; null while it is not complete.</summary>
    public abstract byte[]? DigestOf(int piece);

    /// <summary>The digests of all pieces.</summary>
    /// <exception cref="InvalidOperationException">A piece is not complete.</exception>
    public byte[][] Digests() => [.. Enumerable.Range(0, PieceCount).Select(i => DigestOf(i) ?? throw new InvalidOperationException($"Piece {i} of {PieceCount} is not complete."))];

    /// <summary>Takes a piece for complete.</summary>
    public abstract void Restore(int piece, byte[] digest);

    /// <summary>Takes bytes that are in the file already. What was there before is not counted twice.</summary>
    /// <returns>How many of the bytes are new.</returns>
    public abstract long Add(long offset, ReadOnlySpan<byte> bytes);

    /// <summary>Reads what has not come by, so that all pieces are complete.</summary>
    public abstract void Finish(int threads, CancellationToken cancellation);

    /// <summary>Reads bytes of the file that have come by, or should have.</summary>
    protected void ReadFile(long offset, Span<byte> destination)
    {
        readAgain(offset, destination);
        Interlocked.Add(ref readAgainBytes, destination.Length);
    }

    protected void Report(int piece, byte[] digest) => finished?.Invoke(piece, digest);
}
