using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>
/// mask[i] ← 1 where word (first + i) of the Philox stream is below the limit, else 0. A lane holds one counter and the four comparisons of its words become
/// its four bytes, so nothing has to be shuffled. Whole counters go through vectors, the pieces at the ends of a range through
/// <see cref="Philox.Generate"/>.
/// </summary>
internal unsafe struct RandomMask : IVectorKernel
{
    public byte* Mask;
    public ulong Key;

    /// <summary>Smallest word that is dropped, at most 2³².</summary>
    public ulong Limit;

    /// <summary>Global index of the mask's first element.</summary>
    public ulong First;

    public readonly void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        byte* mask = Mask + start, end = mask + count;
        ulong index = First + (ulong)start;
        if (index % 4 != 0) mask = Words(mask, end, ref index);
        if (S.Count == 16)
            Counters<Philox512, Vector512<ulong>>(ref mask, end, ref index);
        else if (S.Count == 8)
            Counters<Philox256, Vector256<ulong>>(ref mask, end, ref index);
        else
            Counters<Philox128, Vector128<ulong>>(ref mask, end, ref index);
        while (mask < end) mask = Words(mask, end, ref index);
    }

    /// <summary>The rest of one counter's words, as far as the range goes.</summary>
    private readonly byte* Words(byte* mask, byte* end, ref ulong index)
    {
        (uint w0, uint w1, uint w2, uint w3) = Philox.Generate(Key, 0, index / 4);
        do
        {
            uint word = (index % 4) switch { 0 => w0, 1 => w1, 2 => w2, _ => w3 };
            *mask++ = word < Limit ? (byte)1 : (byte)0;
            index++;
        }
        while (mask < end && index % 4 != 0);

        return mask;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Counters<L, U>(ref byte* mask, byte* end, ref ulong index)
        where L : struct, IPhiloxLanes<U>
        where U : struct
    {
        int step = 8 * L.Count;
        ulong counter = index / 4, key = Key;
        U limit = L.Create(Limit);
        byte* target = mask;
        for (; end - target >= step; target += step, counter += 2 * (ulong)L.Count)
            L.StoreLower(target, Bytes<L, U>(L.Sequence(counter), key, limit), Bytes<L, U>(L.Sequence(counter + (ulong)L.Count), key, limit));
        mask = target;
        index = counter * 4;
    }

    /// <summary>Ten rounds of Philox4x32 for the counters of one vector; byte w of a lane ← 1 where word w is below the limit.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static U Bytes<L, U>(U counter, ulong key, U limit)
        where L : struct, IPhiloxLanes<U>
        where U : struct
    {
        U x0 = counter, x1 = L.UpperHalf(counter), x2 = L.Create(0), x3 = x2;
        U multiplier0 = L.Create(Philox.Multiplier0), multiplier1 = L.Create(Philox.Multiplier1);
        uint k0 = (uint)key, k1 = (uint)(key >> 32);
        for (int round = 0; round < Philox.Rounds; round++)
        {
            U p0 = L.MultiplyLower(x0, multiplier0), p1 = L.MultiplyLower(x2, multiplier1);
            x0 = L.Xor(L.Xor(L.UpperHalf(p1), x1), L.Create(k0));
            x1 = p1;
            x2 = L.Xor(L.Xor(L.UpperHalf(p0), x3), L.Create(k1));
            x3 = p0;
            k0 += Philox.Weyl0;
            k1 += Philox.Weyl1;
        }

        U lower = L.Create(0xFFFF_FFFF);
        U b0 = L.And(L.LessThan(L.And(x0, lower), limit), L.Create(0x0000_0001));
        U b1 = L.And(L.LessThan(L.And(x1, lower), limit), L.Create(0x0000_0100));
        U b2 = L.And(L.LessThan(L.And(x2, lower), limit), L.Create(0x0001_0000));
        U b3 = L.And(L.LessThan(L.And(x3, lower), limit), L.Create(0x0100_0000));
        return L.Or(L.Or(b0, b1), L.Or(b2, b3));
    }
}
