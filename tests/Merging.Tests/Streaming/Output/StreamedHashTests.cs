using System.Security.Cryptography;
using FsCheck;
using FsCheck.Fluent;
using MergeEngine.Merging.Streaming.Output;

namespace MergeEngine.Merging.Tests.Streaming.Output;

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
            var hash = new StreamedHash(s_file.Length, Read, (piece, _) => { lock (told) told.Add(piece); });
            foreach (var (start, end) in chunks) Assert.Equal(end - start, hash.Add(start, s_file.AsSpan(start..end)));
            Assert.Equal(expected, Root(hash));
            Assert.Equal([0, 1, 2], told.Order());
        }));
    }

    [Fact]
    public void In_order_nothing_is_read_again()
    {
        var hash = new StreamedHash(s_file.Length, (_, _) => Assert.Fail("read"));
        for (int i = 0; i < s_file.Length; i += 1_000_003) hash.Add(i, s_file.AsSpan(i, Math.Min(1_000_003, s_file.Length - i)));
        Assert.Equal(PlainHash(s_file), Root(hash));
        Assert.Equal(0, hash.ReadAgain);
    }

    [Fact]
    public void Threads_and_second_passes_change_nothing()
    {
        var hash = new StreamedHash(s_file.Length, Read);
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
        var hash = new StreamedHash(s_file.Length, Read);
        hash.Add(5, s_file.AsSpan(5, 100));
        hash.Add(Piece, s_file.AsSpan(Piece, 1000));
        hash.Finish(3, CancellationToken.None);
        Assert.Equal(PlainHash(s_file), Root(hash));
    }

    [Fact]
    public void Bytes_that_overlap_are_counted_once()
    {
        var hash = new StreamedHash(1000, Read);
        Assert.Equal(100, hash.Add(500, s_file.AsSpan(500, 100)));
        Assert.Equal(50, hash.Add(550, s_file.AsSpan(550, 100)));
        Assert.Equal(520, hash.Add(0, s_file.AsSpan(0, 520)) + 20);
        Assert.Equal(350, hash.Add(10, s_file.AsSpan(10, 990)));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(s_file.AsSpan(0, 1000))), Root(hash));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(Piece)]
    public void A_file_of_one_piece_has_its_plain_hash(int length)
    {
        var hash = new StreamedHash(length, Read);
        hash.Add(0, s_file.AsSpan(0, length));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(s_file.AsSpan(0, length))), Root(hash));
    }

    /// <summary>The rule as the manifest words it.</summary>
    internal static string PlainHash(ReadOnlySpan<byte> file)
    {
        if (file.Length <= Piece) return Convert.ToHexStringLower(SHA256.HashData(file));
        var digests = new List<byte>();
        for (int i = 0; i < file.Length; i += Piece) digests.AddRange(SHA256.HashData(file[i..Math.Min(file.Length, i + Piece)]));
        return Convert.ToHexStringLower(SHA256.HashData(digests.ToArray()));
    }

    private static string Root(StreamedHash hash) => Convert.ToHexStringLower(StreamedHash.Root(hash.Digests()));

    private static void Read(long offset, Span<byte> destination) => s_file.AsSpan((int)offset, destination.Length).CopyTo(destination);

    private static byte[] MakeFile(int length)
    {
        byte[] bytes = new byte[length];
        new Random(3).NextBytes(bytes);
        return bytes;
    }
}
