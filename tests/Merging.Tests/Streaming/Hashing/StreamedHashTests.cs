using System.Security.Cryptography;
using FsCheck;
using FsCheck.Fluent;
using MergeEngine.Merging.Streaming.Hashing;
using MergeEngine.Merging.Streaming.Hashing.Blake3;

namespace MergeEngine.Merging.Tests.Streaming.Hashing;

/// <summary>However bytes come by, the hash is that of the file.</summary>
public sealed class StreamedHashTests
{
    private const int Piece = StreamedHash.PieceBytes;

    private static readonly byte[] s_file = MakeFile((2 * Piece) + 12_345);

    [Fact]
    public void Any_cut_and_any_order_give_the_hash_of_the_whole()
    {
        string expected = PlainHash(s_file);
        Gen<(int[] Cuts, int Seed)> generator =
            from cuts in Gen.Choose(1, s_file.Length - 1).ArrayOf(12)
            from seed in Gen.Choose(0, 1 << 20)
            select (cuts, seed);
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(25).WithReplay(20251122, 1).WithQuietOnSuccess(true), Prop.ForAll(generator.ToArbitrary(), order =>
        {
            int[] ends = [0, .. order.Cuts.Distinct().Order(), s_file.Length];
            (int Start, int End)[] chunks = [.. ends.Zip(ends.Skip(1))];
            new Random(order.Seed).Shuffle(chunks);
            var told = new List<int>();
            var hash = StreamedHash.Create(s_file.Length, Read, (piece, _) => { lock (told) told.Add(piece); });
            foreach (var (start, end) in chunks) Assert.Equal(end - start, hash.Add(start, s_file.AsSpan(start..end)));
            Assert.Equal(expected, Root(hash));
            Assert.Equal([0, 1, 2], told.Order());
        }));
    }

    [Fact]
    public void A_small_file_in_order_is_not_read_again()
    {
        const int Length = 3_000_000;
        var hash = StreamedHash.Create(Length, (_, _) => Assert.Fail("read"));
        for (int i = 0; i < Length; i += 100_003) hash.Add(i, s_file.AsSpan(i, Math.Min(100_003, Length - i)));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(s_file.AsSpan(0, Length))), Root(hash));
    }

    [Theory]
    [InlineData(1 << 18, 0)]
    [InlineData(1_000_003, 1 << 14)]
    public void Of_a_large_file_in_any_order_nothing_but_the_units_at_the_cuts_is_read_again(int block, int again)
    {
        int[] starts = [.. Enumerable.Range(0, (s_file.Length + block - 1) / block).Select(i => i * block)];
        new Random(11).Shuffle(starts);
        var hash = StreamedHash.Create(s_file.Length, Read);
        foreach (int i in starts) hash.Add(i, s_file.AsSpan(i, Math.Min(block, s_file.Length - i)));
        Assert.Equal(PlainHash(s_file), Root(hash));
        Assert.Equal((starts.Length - 1) * again, hash.ReadAgain);
    }

    [Fact]
    public void Without_hashing_bytes_are_counted_and_none_is_read()
    {
        var told = new List<int>();
        var hash = StreamedHash.Create(s_file.Length, (_, _) => Assert.Fail("read"), (piece, digest) => told.Add(digest.Length == 0 ? piece : -1), hashing: false);
        Assert.Equal(Piece + 7, hash.Add(3, s_file.AsSpan(3, Piece + 7)));
        Assert.False(hash.IsComplete(0));
        Assert.Equal(3, hash.Add(0, s_file.AsSpan(0, 1000)));
        Assert.True(hash.IsComplete(0));
        Assert.Equal(s_file.Length - Piece - 10, hash.Add(0, s_file));
        Assert.Equal([0, 1, 2], told.Order());
    }

    [Fact]
    public void The_digest_of_a_piece_that_is_read_is_the_one_that_passed_by()
    {
        var hash = StreamedHash.Create(s_file.Length, Read);
        hash.Add(0, s_file);
        Assert.Equal(hash.Digests(), Enumerable.Range(0, 3).Select(piece => PieceDigest.Of(Read, s_file.Length, piece)));
        Assert.Equal(SHA256.HashData(s_file.AsSpan(0, Piece)), PieceDigest.Of(Read, Piece, 0));
    }

    [Fact]
    public void A_restored_piece_is_neither_hashed_nor_counted_again()
    {
        var whole = StreamedHash.Create(s_file.Length, Read);
        whole.Add(0, s_file);
        var hash = StreamedHash.Create(s_file.Length, (_, _) => Assert.Fail("read"));
        hash.Restore(1, whole.Digests()[1]);
        Assert.Equal(s_file.Length - Piece, hash.Add(0, s_file));
        Assert.Equal(PlainHash(s_file), Root(hash));
    }

    [Fact]
    public void Threads_and_second_passes_change_nothing()
    {
        var hash = StreamedHash.Create(s_file.Length, Read);
        const int Chunk = 777_777;
        int chunks = (s_file.Length + Chunk - 1) / Chunk;
        Parallel.For(0, 2 * chunks, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
        {
            int start = i % chunks * Chunk;
            hash.Add(start, s_file.AsSpan(start, Math.Min(Chunk, s_file.Length - start)));
        });
        Assert.Equal(PlainHash(s_file), Root(hash));
    }

    [Fact]
    public void What_never_came_is_read_at_the_end()
    {
        var hash = StreamedHash.Create(s_file.Length, Read);
        hash.Add(5, s_file.AsSpan(5, 100));
        hash.Add(Piece, s_file.AsSpan(Piece, 1000));
        hash.Finish(3, CancellationToken.None);
        Assert.Equal(PlainHash(s_file), Root(hash));
    }

    [Fact]
    public void Bytes_that_overlap_are_counted_once()
    {
        var hash = StreamedHash.Create(1000, Read);
        Assert.Equal(100, hash.Add(500, s_file.AsSpan(500, 100)));
        Assert.Equal(50, hash.Add(550, s_file.AsSpan(550, 100)));
        Assert.Equal(520, hash.Add(0, s_file.AsSpan(0, 520)) + 20);
        Assert.Equal(350, hash.Add(10, s_file.AsSpan(10, 990)));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(s_file.AsSpan(0, 1000))), Root(hash));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(Piece - 1)]
    [InlineData(Piece)]
    public void A_file_of_one_piece_has_its_plain_hash(int length)
    {
        var hash = StreamedHash.Create(length, Read);
        hash.Add(0, s_file.AsSpan(0, length));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(s_file.AsSpan(0, length))), Root(hash));
    }

    /// <summary>What <c>b3sum</c> prints; <see cref="Blake3VectorTests"/> says so.</summary>
    internal static string PlainHash(ReadOnlySpan<byte> file) => Convert.ToHexStringLower(HashTree.Default.Hash(file));

    private static string Root(StreamedHash hash) => StreamedHash.Root(hash.Digests()).Text;

    private static void Read(long offset, Span<byte> destination) => s_file.AsSpan((int)offset, destination.Length).CopyTo(destination);

    private static byte[] MakeFile(int length)
    {
        byte[] bytes = new byte[length];
        new Random(3).NextBytes(bytes);
        return bytes;
    }
}
