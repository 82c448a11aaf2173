using System.Numerics;
using FsCheck;
using FsCheck.Fluent;
using MergeEngine.Merging.Streaming.Hashing.Blake3;
using MergeEngine.Tensors.Cpu;

namespace MergeEngine.Merging.Tests.Streaming.Hashing;

/// <summary>Vectors give what words give, and the tree can be taken apart anywhere.</summary>
public sealed class HashTreeTests
{
    private const int Chunk = HashConstants.ChunkBytes, Value = HashConstants.ValueBytes;

    private static readonly HashTree s_words = new(null);
    private static readonly byte[] s_bytes = MakeBytes(200_000);

    [Fact]
    public void Every_length_has_the_hash_that_words_give()
    {
        for (int length = 0; length <= 40 * Chunk; length += length % 1024 < 3 ? 1 : 1020)
        {
            byte[] expected = s_words.Hash(s_bytes.AsSpan(0, length));
            foreach (SimdLevel level in SimdLevels.Supported) Assert.Equal(expected, new HashTree(level).Hash(s_bytes.AsSpan(0, length)));
        }
    }

    /// <summary>Counters of chunks are 64 bits wide: 2³² chunks are 4 TiB.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData((1L << 32) - 7)]
    [InlineData((1L << 32) + 1)]
    [InlineData((1L << 53) - 20)]
    public void The_number_of_a_chunk_counts_in_all_its_bits(long first)
    {
        ReadOnlySpan<byte> bytes = s_bytes.AsSpan(5, (37 * Chunk) + 11);
        byte[] expected = new byte[38 * Value], found = new byte[38 * Value];
        s_words.Leaves(bytes, first, expected);
        Assert.Equal(38, Enumerable.Range(0, 38).Select(i => Convert.ToHexString(expected, i * Value, Value)).Distinct().Count());
        foreach (SimdLevel level in SimdLevels.Supported)
        {
            new HashTree(level).Leaves(bytes, first, found);
            Assert.Equal(expected, found);
        }
    }

    [Fact]
    public void Any_number_of_nodes_rises_as_it_does_in_words()
    {
        for (int nodes = 1; nodes <= 90; nodes++)
        {
            for (int levels = 0; levels < 8; levels++)
            {
                byte[] expected = s_bytes[..(nodes * Value)];
                int left = s_words.Rise(expected, levels);
                foreach (SimdLevel level in SimdLevels.Supported)
                {
                    byte[] found = s_bytes[..(nodes * Value)];
                    Assert.Equal(left, new HashTree(level).Rise(found, levels));
                    Assert.Equal(expected.AsSpan(0, left * Value), found.AsSpan(0, left * Value));
                }
            }
        }
    }

    /// <summary>The definition: on the left is the largest power of two of chunks that leaves something for the right.</summary>
    [Fact]
    public void Pairing_neighbours_gives_the_tree_of_the_definition()
    {
        for (int length = (2 * Chunk) - 1; length < 70 * Chunk; length += 711)
        {
            byte[] root = new byte[Value];
            int left = LeftOf(length);
            ScalarHash.Parent((byte[])[.. Subtree(s_bytes.AsSpan(0, left), 0), .. Subtree(s_bytes.AsSpan(left, length - left), left / Chunk)], HashConstants.Root, root);
            foreach (SimdLevel? level in Blake3VectorTests.Levels) Assert.Equal(root, new HashTree(level).Hash(s_bytes.AsSpan(0, length)));
        }
    }

    [Fact]
    public void One_flipped_bit_changes_the_hash()
    {
        Gen<(int Length, int Bit)> generator = from length in Gen.Choose(1, 60_000) from bit in Gen.Choose(0, (length * 8) - 1) select (length, bit);
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(200).WithReplay(20251122, 1).WithQuietOnSuccess(true), Prop.ForAll(generator.ToArbitrary(), flip =>
        {
            byte[] bytes = s_bytes[..flip.Length];
            byte[] before = HashTree.Default.Hash(bytes);
            bytes[flip.Bit / 8] ^= (byte)(1 << (flip.Bit % 8));
            Assert.NotEqual(before, HashTree.Default.Hash(bytes));
        }));
    }

    [Fact]
    public void The_schedule_is_the_permutation_repeated()
    {
        byte[] order = [.. Enumerable.Range(0, 16).Select(i => (byte)i)];
        for (int round = 0; round < HashConstants.Rounds; round++)
        {
            Assert.Equal(order, HashConstants.Schedule.Slice(16 * round, 16));
            order = [.. HashConstants.Permutation.ToArray().Select(i => order[i])];
        }
    }

    private static int LeftOf(int length) => (int)BitOperations.RoundUpToPowerOf2((uint)HashTree.ChunksOf(length)) / 2 * Chunk;

    private static byte[] Subtree(ReadOnlySpan<byte> bytes, int firstChunk)
    {
        byte[] value = new byte[Value];
        if (bytes.Length <= Chunk)
        {
            ScalarHash.Chunk(bytes, (ulong)firstChunk, 0, value);
            return value;
        }

        int left = LeftOf(bytes.Length);
        ScalarHash.Parent((byte[])[.. Subtree(bytes[..left], firstChunk), .. Subtree(bytes[left..], firstChunk + (left / Chunk))], 0, value);
        return value;
    }

    private static byte[] MakeBytes(int length)
    {
        byte[] bytes = new byte[length];
        new Random(7).NextBytes(bytes);
        return bytes;
    }
}
