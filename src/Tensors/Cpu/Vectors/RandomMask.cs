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
internal unsafe struct RandomMask : IRangeKernel
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
        int step = 16 * L.Count;
        ulong counter = index / 4, lanes = (ulong)L.Count;
        U limit = L.Create(Limit);
        byte* target = mask;
        for (; end - target >= step; target += step, counter += 4 * lanes)
        {
            PhiloxWords<L, U>.Rounds(
                Key, L.Sequence(counter), L.Sequence(counter + lanes), L.Sequence(counter + (2 * lanes)), L.Sequence(counter + (3 * lanes)),
                out PhiloxWords<L, U> a, out PhiloxWords<L, U> b, out PhiloxWords<L, U> c, out PhiloxWords<L, U> d);
            L.StoreLower(target, a.Bytes(limit), b.Bytes(limit));
            L.StoreLower(target + (step / 2), c.Bytes(limit), d.Bytes(limit));
        }

        mask = target;
        index = counter * 4;
    }
}
