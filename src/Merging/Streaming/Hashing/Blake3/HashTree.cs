using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MergeEngine.Tensors.Cpu;

namespace MergeEngine.Merging.Streaming.Hashing.Blake3;

/// <summary>
/// BLAKE3, the plain hash of 32 bytes that <c>b3sum</c> prints, as the tree that it is: chunks of 1024 bytes are the leaves, and each other node hashes the
/// chaining values of its two children. Parts of an input can be hashed in any order and by any thread, as long as each begins at a multiple of its
/// length rounded up to a power of two.
/// </summary>
/// <remarks>
/// The tree of n leaves has the largest power of two below n on its left side. That is the tree that pairing neighbours level by level gives, where an odd one at
/// the end moves up as it is: so a level is an array that shrinks in its place, and full vectors hash it.
/// </remarks>
/// <param name="level">Width of the vectors; null for words.</param>
internal sealed unsafe class HashTree(SimdLevel? level)
{
    private const int ChunkBytes = HashConstants.ChunkBytes, ValueBytes = HashConstants.ValueBytes, BlockBytes = HashConstants.BlockBytes;

    /// <summary>The one of this processor.</summary>
    public static HashTree Default { get; } = new(SimdLevels.FromEnvironment());

    public static int ChunksOf(long bytes) => checked((int)((bytes + ChunkBytes - 1) / ChunkBytes));

    /// <summary>The hash of an input that is all there.</summary>
    public byte[] Hash(ReadOnlySpan<byte> input)
    {
        byte[] hash = new byte[ValueBytes];
        if (input.Length <= ChunkBytes)
        {
            ScalarHash.Chunk(input, 0, HashConstants.Root, hash);
            return hash;
        }

        byte[] values = new byte[ChunksOf(input.Length) * ValueBytes];
        Leaves(input, 0, values);
        return Root(values);
    }

    /// <summary>The chaining values of chunks that follow each other.</summary>
    /// <param name="bytes">Whole chunks, but for the last of the input.</param>
    /// <param name="firstChunk">The number of the first in the input.</param>
    /// <param name="values">Takes 32 bytes for each.</param>
    public void Leaves(ReadOnlySpan<byte> bytes, long firstChunk, Span<byte> values)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(values.Length, ChunksOf(bytes.Length) * ValueBytes);
        ulong counter = (ulong)firstChunk;
        int whole = bytes.Length / ChunkBytes, done = 0;
        fixed (byte* input = bytes, output = values)
        {
            if (level >= SimdLevel.Vector512)
                for (; whole - done >= 16; done += 16) LaneHash<HashLanes512, Vector512<uint>>.Chunks(input + (done * ChunkBytes), counter + (ulong)done, output + (done * ValueBytes));
            if (level >= SimdLevel.Vector256)
                for (; whole - done >= 8; done += 8) LaneHash<HashLanes256, Vector256<uint>>.Chunks(input + (done * ChunkBytes), counter + (ulong)done, output + (done * ValueBytes));
            if (level >= SimdLevel.Vector128)
                for (; whole - done >= 4; done += 4) LaneHash<HashLanes128, Vector128<uint>>.Chunks(input + (done * ChunkBytes), counter + (ulong)done, output + (done * ValueBytes));
        }

        for (; done < ChunksOf(bytes.Length); done++)
            ScalarHash.Chunk(bytes[(done * ChunkBytes)..Math.Min(bytes.Length, (done + 1) * ChunkBytes)], counter + (ulong)done, 0, values[(done * ValueBytes)..]);
    }

    /// <summary>The next levels of the tree, in place: a full subtree of 2^levels nodes becomes one, and so does what is left at the end.</summary>
    /// <param name="values">Nodes that follow each other, 32 bytes each.</param>
    /// <param name="levels">How many levels.</param>
    /// <returns>How many nodes are left.</returns>
    public int Rise(Span<byte> values, int levels)
    {
        int count = values.Length / ValueBytes;
        for (; levels > 0 && count > 1; levels--)
        {
            Parents(values[..(count * ValueBytes)]);
            count = (count + 1) / 2;
        }

        return count;
    }

    /// <summary>The one node above all of these, in their place: the chaining value of the subtree.</summary>
    public void Join(Span<byte> values) => Rise(values, int.MaxValue);

    /// <summary>The hash of an input from all the nodes of one level, two or more, which are used up.</summary>
    public byte[] Root(Span<byte> values)
    {
        while (values.Length > 2 * ValueBytes) values = values[..(Rise(values, 1) * ValueBytes)];
        byte[] hash = new byte[ValueBytes];
        ScalarHash.Parent(values[..BlockBytes], HashConstants.Root, hash);
        return hash;
    }

    /// <summary>One level. A batch stores where its own children or those before them were, so nothing is overwritten that is still to be read.</summary>
    private void Parents(Span<byte> values)
    {
        int count = values.Length / ValueBytes, pairs = count / 2, done = 0;
        fixed (byte* nodes = values)
        {
            if (level >= SimdLevel.Vector512)
                for (; pairs - done >= 16; done += 16) LaneHash<HashLanes512, Vector512<uint>>.Parents(nodes + (done * BlockBytes), nodes + (done * ValueBytes));
            if (level >= SimdLevel.Vector256)
                for (; pairs - done >= 8; done += 8) LaneHash<HashLanes256, Vector256<uint>>.Parents(nodes + (done * BlockBytes), nodes + (done * ValueBytes));
            if (level >= SimdLevel.Vector128)
            {
                for (; pairs - done >= 4; done += 4) LaneHash<HashLanes128, Vector128<uint>>.Parents(nodes + (done * BlockBytes), nodes + (done * ValueBytes));
                if (pairs > done) done = Remainder(nodes, done, pairs);
            }
        }

        for (; done < pairs; done++) ScalarHash.Parent(values.Slice(done * BlockBytes, BlockBytes), 0, values[(done * ValueBytes)..]);
        if (count % 2 == 1) values.Slice((count - 1) * ValueBytes, ValueBytes).CopyTo(values[(pairs * ValueBytes)..]);
    }

    /// <summary>Up to three pairs, in a vector that is not full: still faster than words.</summary>
    [SkipLocalsInit]
    private static int Remainder(byte* nodes, int done, int pairs)
    {
        byte* children = stackalloc byte[4 * BlockBytes];
        Unsafe.CopyBlockUnaligned(children, nodes + (done * BlockBytes), (uint)((pairs - done) * BlockBytes));
        LaneHash<HashLanes128, Vector128<uint>>.Parents(children, children);
        Unsafe.CopyBlockUnaligned(nodes + (done * ValueBytes), children, (uint)((pairs - done) * ValueBytes));
        return pairs;
    }
}
