using System.Buffers.Binary;
using System.Numerics;

namespace MergeEngine.Merging.Streaming.Hashing.Blake3;

/// <summary>BLAKE3's nodes one at a time, in words as the specification writes them: what the vectors are compared with, and what hashes their remainders.</summary>
internal static class ScalarHash
{
    /// <summary>The chaining value of a chunk; of a whole input that is one chunk, its hash.</summary>
    /// <param name="bytes">0 to 1024 bytes.</param>
    /// <param name="counter">The chunk's number in the input.</param>
    /// <param name="root">0, or <see cref="HashConstants.Root"/>.</param>
    /// <param name="value">Takes 32 bytes.</param>
    public static void Chunk(ReadOnlySpan<byte> bytes, ulong counter, uint root, Span<byte> value)
    {
        Span<uint> state = stackalloc uint[8];
        HashConstants.Initial.CopyTo(state);
        Span<byte> last = stackalloc byte[HashConstants.BlockBytes];
        for (uint flags = HashConstants.ChunkStart; ; flags = 0)
        {
            if (bytes.Length <= HashConstants.BlockBytes)
            {
                last.Clear();
                bytes.CopyTo(last);
                Compress(state, last, counter, (uint)bytes.Length, flags | HashConstants.ChunkEnd | root);
                break;
            }

            Compress(state, bytes[..HashConstants.BlockBytes], counter, HashConstants.BlockBytes, flags);
            bytes = bytes[HashConstants.BlockBytes..];
        }

        Write(state, value);
    }

    /// <summary>The chaining value of a node with two children.</summary>
    /// <param name="children">The 64 bytes of theirs.</param>
    /// <param name="root">0, or <see cref="HashConstants.Root"/>.</param>
    /// <param name="value">Takes 32 bytes; may be where the children are.</param>
    public static void Parent(ReadOnlySpan<byte> children, uint root, Span<byte> value)
    {
        Span<uint> state = stackalloc uint[8];
        HashConstants.Initial.CopyTo(state);
        Compress(state, children, 0, HashConstants.BlockBytes, HashConstants.Parent | root);
        Write(state, value);
    }

    private static void Write(ReadOnlySpan<uint> state, Span<byte> value)
    {
        for (int i = 0; i < state.Length; i++) BinaryPrimitives.WriteUInt32LittleEndian(value[(4 * i)..], state[i]);
    }

    private static void Compress(Span<uint> state, ReadOnlySpan<byte> block, ulong counter, uint length, uint flags)
    {
        Span<uint> v = stackalloc uint[16], m = stackalloc uint[16], permuted = stackalloc uint[16];
        for (int i = 0; i < m.Length; i++) m[i] = BinaryPrimitives.ReadUInt32LittleEndian(block[(4 * i)..]);
        state.CopyTo(v);
        HashConstants.Initial[..4].CopyTo(v[8..]);
        (v[12], v[13], v[14], v[15]) = ((uint)counter, (uint)(counter >> 32), length, flags);
        for (int round = 0; round < HashConstants.Rounds; round++)
        {
            for (int i = 0; i < 4; i++) Mix(ref v[i], ref v[4 + i], ref v[8 + i], ref v[12 + i], m[2 * i], m[(2 * i) + 1]);
            for (int i = 0; i < 4; i++) Mix(ref v[i], ref v[4 + ((i + 1) & 3)], ref v[8 + ((i + 2) & 3)], ref v[12 + ((i + 3) & 3)], m[8 + (2 * i)], m[9 + (2 * i)]);
            for (int i = 0; i < m.Length; i++) permuted[i] = m[HashConstants.Permutation[i]];
            permuted.CopyTo(m);
        }

        for (int i = 0; i < state.Length; i++) state[i] = v[i] ^ v[i + 8];
    }

    private static void Mix(ref uint a, ref uint b, ref uint c, ref uint d, uint x, uint y)
    {
        a += b + x;
        d = BitOperations.RotateRight(d ^ a, 16);
        c += d;
        b = BitOperations.RotateRight(b ^ c, 12);
        a += b + y;
        d = BitOperations.RotateRight(d ^ a, 8);
        c += d;
        b = BitOperations.RotateRight(b ^ c, 7);
    }
}
