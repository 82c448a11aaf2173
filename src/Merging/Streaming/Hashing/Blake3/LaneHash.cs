using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace MergeEngine.Merging.Streaming.Hashing.Blake3;

/// <summary>BLAKE3's nodes as many at a time as a vector has words: word i of sixteen, eight or four nodes is one vector.</summary>
internal static unsafe class LaneHash<S, V>
    where S : struct, IHashLanes<V>
    where V : unmanaged
{
    // The blocks' words, the chaining values and the counters, each vector within a line of the cache.
    private const int Words = 16, Values = 8, Alignment = 64;

    /// <summary>The chaining values of <c>S.Count</c> whole chunks that follow each other.</summary>
    /// <param name="input">Their 1024·Count bytes.</param>
    /// <param name="counter">The number of the first in the input.</param>
    /// <param name="values">Takes 32·Count bytes.</param>
    [SkipLocalsInit]
    public static void Chunks(byte* input, ulong counter, byte* values)
    {
        byte* memory = stackalloc byte[(26 * sizeof(V)) + Alignment];
        V* message = Align(memory), state = message + Words, counters = state + Values;
        uint* low = (uint*)message, high = low + S.Count;
        for (int i = 0; i < S.Count; i++)
        {
            low[i] = (uint)(counter + (ulong)i);
            high[i] = (uint)((counter + (ulong)i) >> 32);
        }

        (counters[0], counters[1]) = (S.Load(low), S.Load(high));
        Begin(state);
        for (int at = 0; at < HashConstants.ChunkBytes; at += HashConstants.BlockBytes)
        {
            uint flags = at == 0 ? HashConstants.ChunkStart : at == HashConstants.ChunkBytes - HashConstants.BlockBytes ? HashConstants.ChunkEnd : 0;
            LoadBlocks(input + at, HashConstants.ChunkBytes, message);
            Compress(state, message, counters, flags);
        }

        StoreValues(state, values);
    }

    /// <summary>The chaining values of <c>S.Count</c> nodes with two children each.</summary>
    /// <param name="children">The 64·Count bytes of theirs.</param>
    /// <param name="values">Takes 32·Count bytes; may be where the children are.</param>
    [SkipLocalsInit]
    public static void Parents(byte* children, byte* values)
    {
        byte* memory = stackalloc byte[(26 * sizeof(V)) + Alignment];
        V* message = Align(memory), state = message + Words, counters = state + Values;
        counters[0] = counters[1] = S.Create(0);
        Begin(state);
        LoadBlocks(children, HashConstants.BlockBytes, message);
        Compress(state, message, counters, HashConstants.Parent);
        StoreValues(state, values);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V* Align(byte* memory) => (V*)(((nuint)memory + (Alignment - 1)) & ~(nuint)(Alignment - 1));

    private static void Begin(V* state)
    {
        for (int i = 0; i < Values; i++) state[i] = S.Create(HashConstants.Initial[i]);
    }

    /// <summary>One block of each node, turned: four words of four nodes at a time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void LoadBlocks(byte* input, nint stride, V* message)
    {
        for (V* end = message + Words; message < end; message += 4, input += 16)
        {
            V a = S.LoadQuads(input, stride), b = S.LoadQuads(input + stride, stride), c = S.LoadQuads(input + (2 * stride), stride), d = S.LoadQuads(input + (3 * stride), stride);
            V ab = S.UnpackLow(a, b), cd = S.UnpackLow(c, d), ab2 = S.UnpackHigh(a, b), cd2 = S.UnpackHigh(c, d);
            message[0] = S.UnpackLowPairs(ab, cd);
            message[1] = S.UnpackHighPairs(ab, cd);
            message[2] = S.UnpackLowPairs(ab2, cd2);
            message[3] = S.UnpackHighPairs(ab2, cd2);
        }
    }

    /// <summary>The chaining values, turned back.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void StoreValues(V* state, byte* values)
    {
        const int Stride = HashConstants.ValueBytes;
        for (V* end = state + Values; state < end; state += 4, values += 16)
        {
            V ab = S.UnpackLow(state[0], state[1]), cd = S.UnpackLow(state[2], state[3]);
            V ab2 = S.UnpackHigh(state[0], state[1]), cd2 = S.UnpackHigh(state[2], state[3]);
            S.StoreQuads(values, Stride, S.UnpackLowPairs(ab, cd));
            S.StoreQuads(values + Stride, Stride, S.UnpackHighPairs(ab, cd));
            S.StoreQuads(values + (2 * Stride), Stride, S.UnpackLowPairs(ab2, cd2));
            S.StoreQuads(values + (3 * Stride), Stride, S.UnpackHighPairs(ab2, cd2));
        }
    }

    /// <summary>Takes a full block of each node in. The four mixes of columns are independent of each other, and so are the four of diagonals; words of the message are added first, as what
    /// they are added to is there before the rest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Compress(V* state, V* message, V* counters, uint flags)
    {
        // Constant data of the program, which does not move.
        byte* order = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(HashConstants.Schedule));
        V a0 = state[0], a1 = state[1], a2 = state[2], a3 = state[3];
        V b0 = state[4], b1 = state[5], b2 = state[6], b3 = state[7];
        V c0 = S.Create(HashConstants.Initial[0]), c1 = S.Create(HashConstants.Initial[1]), c2 = S.Create(HashConstants.Initial[2]), c3 = S.Create(HashConstants.Initial[3]);
        V d0 = counters[0], d1 = counters[1], d2 = S.Create(HashConstants.BlockBytes), d3 = S.Create(flags);
        for (int round = 0; round < HashConstants.Rounds; round++, order += Words)
        {
            (a0, a1) = (S.Add(S.Add(a0, message[order[0]]), b0), S.Add(S.Add(a1, message[order[2]]), b1));
            (a2, a3) = (S.Add(S.Add(a2, message[order[4]]), b2), S.Add(S.Add(a3, message[order[6]]), b3));
            (d0, d1, d2, d3) = (S.RotateRight16(S.Xor(d0, a0)), S.RotateRight16(S.Xor(d1, a1)), S.RotateRight16(S.Xor(d2, a2)), S.RotateRight16(S.Xor(d3, a3)));
            (c0, c1, c2, c3) = (S.Add(c0, d0), S.Add(c1, d1), S.Add(c2, d2), S.Add(c3, d3));
            (b0, b1, b2, b3) = (S.RotateRight12(S.Xor(b0, c0)), S.RotateRight12(S.Xor(b1, c1)), S.RotateRight12(S.Xor(b2, c2)), S.RotateRight12(S.Xor(b3, c3)));
            (a0, a1) = (S.Add(S.Add(a0, message[order[1]]), b0), S.Add(S.Add(a1, message[order[3]]), b1));
            (a2, a3) = (S.Add(S.Add(a2, message[order[5]]), b2), S.Add(S.Add(a3, message[order[7]]), b3));
            (d0, d1, d2, d3) = (S.RotateRight8(S.Xor(d0, a0)), S.RotateRight8(S.Xor(d1, a1)), S.RotateRight8(S.Xor(d2, a2)), S.RotateRight8(S.Xor(d3, a3)));
            (c0, c1, c2, c3) = (S.Add(c0, d0), S.Add(c1, d1), S.Add(c2, d2), S.Add(c3, d3));
            (b0, b1, b2, b3) = (S.RotateRight7(S.Xor(b0, c0)), S.RotateRight7(S.Xor(b1, c1)), S.RotateRight7(S.Xor(b2, c2)), S.RotateRight7(S.Xor(b3, c3)));

            (a0, a1) = (S.Add(S.Add(a0, message[order[8]]), b1), S.Add(S.Add(a1, message[order[10]]), b2));
            (a2, a3) = (S.Add(S.Add(a2, message[order[12]]), b3), S.Add(S.Add(a3, message[order[14]]), b0));
            (d3, d0, d1, d2) = (S.RotateRight16(S.Xor(d3, a0)), S.RotateRight16(S.Xor(d0, a1)), S.RotateRight16(S.Xor(d1, a2)), S.RotateRight16(S.Xor(d2, a3)));
            (c2, c3, c0, c1) = (S.Add(c2, d3), S.Add(c3, d0), S.Add(c0, d1), S.Add(c1, d2));
            (b1, b2, b3, b0) = (S.RotateRight12(S.Xor(b1, c2)), S.RotateRight12(S.Xor(b2, c3)), S.RotateRight12(S.Xor(b3, c0)), S.RotateRight12(S.Xor(b0, c1)));
            (a0, a1) = (S.Add(S.Add(a0, message[order[9]]), b1), S.Add(S.Add(a1, message[order[11]]), b2));
            (a2, a3) = (S.Add(S.Add(a2, message[order[13]]), b3), S.Add(S.Add(a3, message[order[15]]), b0));
            (d3, d0, d1, d2) = (S.RotateRight8(S.Xor(d3, a0)), S.RotateRight8(S.Xor(d0, a1)), S.RotateRight8(S.Xor(d1, a2)), S.RotateRight8(S.Xor(d2, a3)));
            (c2, c3, c0, c1) = (S.Add(c2, d3), S.Add(c3, d0), S.Add(c0, d1), S.Add(c1, d2));
            (b1, b2, b3, b0) = (S.RotateRight7(S.Xor(b1, c2)), S.RotateRight7(S.Xor(b2, c3)), S.RotateRight7(S.Xor(b3, c0)), S.RotateRight7(S.Xor(b0, c1)));
        }

        (state[0], state[1], state[2], state[3]) = (S.Xor(a0, c0), S.Xor(a1, c1), S.Xor(a2, c2), S.Xor(a3, c3));
        (state[4], state[5], state[6], state[7]) = (S.Xor(b0, d0), S.Xor(b1, d1), S.Xor(b2, d2), S.Xor(b3, d3));
    }
}
