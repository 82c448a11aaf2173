using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>The words of as many counters as a vector has lanes, on their way through the rounds of Philox.</summary>
internal unsafe struct PhiloxWords<L, U>
    where L : struct, IPhiloxLanes<U>
    where U : struct
{
    private U _x0;
    private U _x1;
    private U _x2;
    private U _x3;

    /// <summary>The first two rounds, in which much is 0: the counters have no upper words.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public PhiloxWords(U counter, U key0, U key1, U next0, U next1)
    {
        U m0 = L.Create(Philox.Multiplier0), zero = L.Create(0), p0 = L.MultiplyLower(counter, m0);
        _x3 = L.MultiplyLower(L.Xor(L.UpperHalf(counter), zero, key0), m0);
        _x1 = L.MultiplyLower(L.Xor(L.UpperHalf(p0), zero, key1), L.Create(Philox.Multiplier1));
        _x0 = L.Xor(L.UpperHalf(_x1), zero, next0);
        _x2 = L.Xor(L.UpperHalf(_x3), p0, next1);
    }

    /// <summary>Two rounds, of which the first hands its products on where they are: one by one, each would move them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void TwoRounds(U key0, U key1, U next0, U next1)
    {
        U m0 = L.Create(Philox.Multiplier0), m1 = L.Create(Philox.Multiplier1);
        U p0 = L.MultiplyLower(_x0, m0), p1 = L.MultiplyLower(_x2, m1);
        U y0 = L.Xor(L.UpperHalf(p1), _x1, key0), y2 = L.Xor(L.UpperHalf(p0), _x3, key1);
        _x3 = L.MultiplyLower(y0, m0);
        _x1 = L.MultiplyLower(y2, m1);
        _x0 = L.Xor(L.UpperHalf(_x1), p1, next0);
        _x2 = L.Xor(L.UpperHalf(_x3), p0, next1);
    }

    /// <summary>Byte w of a lane ← 1 where word w is below the limit.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly U Bytes(U limit)
    {
        U lower = L.Create(0xFFFF_FFFF);
        U bytes = L.OrWhereLess(L.Create(0), L.And(_x0, lower), limit, L.Create(0x0000_0001));
        bytes = L.OrWhereLess(bytes, L.And(_x1, lower), limit, L.Create(0x0000_0100));
        bytes = L.OrWhereLess(bytes, L.And(_x2, lower), limit, L.Create(0x0001_0000));
        return L.OrWhereLess(bytes, L.And(_x3, lower), limit, L.Create(0x0100_0000));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store(uint* target) => L.StoreWords(target, _x0, _x1, _x2, _x3);

    /// <summary>Words 0 to 3 of each counter, in the lower halves.</summary>
    public readonly void Deconstruct(out U w0, out U w1, out U w2, out U w3) => (w0, w1, w2, w3) = (_x0, _x1, _x2, _x3);

    /// <summary>All rounds of four vectors together: a round waits for its multiplications, so one alone would leave the processor idle.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Rounds(
        ulong key, U counterA, U counterB, U counterC, U counterD,
        out PhiloxWords<L, U> a, out PhiloxWords<L, U> b, out PhiloxWords<L, U> c, out PhiloxWords<L, U> d)
    {
        U key0 = L.Create((uint)key), key1 = L.Create((uint)(key >> 32)), next0 = L.Create((uint)key + Philox.Weyl0), next1 = L.Create((uint)(key >> 32) + Philox.Weyl1);
        a = new PhiloxWords<L, U>(counterA, key0, key1, next0, next1);
        b = new PhiloxWords<L, U>(counterB, key0, key1, next0, next1);
        c = new PhiloxWords<L, U>(counterC, key0, key1, next0, next1);
        d = new PhiloxWords<L, U>(counterD, key0, key1, next0, next1);
        for (uint round = 2; round < Philox.Rounds; round += 2)
        {
            uint k0 = (uint)key + (round * Philox.Weyl0), k1 = (uint)(key >> 32) + (round * Philox.Weyl1);
            (key0, key1, next0, next1) = (L.Create(k0), L.Create(k1), L.Create(k0 + Philox.Weyl0), L.Create(k1 + Philox.Weyl1));
            a.TwoRounds(key0, key1, next0, next1);
            b.TwoRounds(key0, key1, next0, next1);
            c.TwoRounds(key0, key1, next0, next1);
            d.TwoRounds(key0, key1, next0, next1);
        }
    }

    /// <summary>All rounds of six vectors together, whose words, products and keys just fit into 32 registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Rounds(
        ulong key, U counterA, U counterB, U counterC, U counterD, U counterE, U counterF,
        out PhiloxWords<L, U> a, out PhiloxWords<L, U> b, out PhiloxWords<L, U> c, out PhiloxWords<L, U> d, out PhiloxWords<L, U> e, out PhiloxWords<L, U> f)
    {
        U key0 = L.Create((uint)key), key1 = L.Create((uint)(key >> 32)), next0 = L.Create((uint)key + Philox.Weyl0), next1 = L.Create((uint)(key >> 32) + Philox.Weyl1);
        a = new PhiloxWords<L, U>(counterA, key0, key1, next0, next1);
        b = new PhiloxWords<L, U>(counterB, key0, key1, next0, next1);
        c = new PhiloxWords<L, U>(counterC, key0, key1, next0, next1);
        d = new PhiloxWords<L, U>(counterD, key0, key1, next0, next1);
        e = new PhiloxWords<L, U>(counterE, key0, key1, next0, next1);
        f = new PhiloxWords<L, U>(counterF, key0, key1, next0, next1);
        for (uint round = 2; round < Philox.Rounds; round += 2)
        {
            uint k0 = (uint)key + (round * Philox.Weyl0), k1 = (uint)(key >> 32) + (round * Philox.Weyl1);
            (key0, key1, next0, next1) = (L.Create(k0), L.Create(k1), L.Create(k0 + Philox.Weyl0), L.Create(k1 + Philox.Weyl1));
            a.TwoRounds(key0, key1, next0, next1);
            b.TwoRounds(key0, key1, next0, next1);
            c.TwoRounds(key0, key1, next0, next1);
            d.TwoRounds(key0, key1, next0, next1);
            e.TwoRounds(key0, key1, next0, next1);
            f.TwoRounds(key0, key1, next0, next1);
        }
    }

    /// <summary>Room for words that <see cref="Generate"/> may write beyond those that are asked for.</summary>
    public static int Excess => 16 * L.Count;

    /// <summary>The words of a stream from a counter on: at least <paramref name="count"/>, whole steps of some vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Generate(uint* target, int count, ulong key, ulong counter)
    {
        ulong lanes = (ulong)L.Count;
        uint* end = target + count;
        for (; L.HasManyRegisters && end - target > Excess; target += 24 * L.Count, counter += 6 * lanes)
        {
            Rounds(
                key, L.Interleaved(counter), L.Interleaved(counter + lanes), L.Interleaved(counter + (2 * lanes)), L.Interleaved(counter + (3 * lanes)), L.Interleaved(counter + (4 * lanes)), L.Interleaved(counter + (5 * lanes)),
                out PhiloxWords<L, U> a, out PhiloxWords<L, U> b, out PhiloxWords<L, U> c, out PhiloxWords<L, U> d, out PhiloxWords<L, U> e, out PhiloxWords<L, U> f);
            a.Store(target);
            b.Store(target + (4 * L.Count));
            c.Store(target + (8 * L.Count));
            d.Store(target + (12 * L.Count));
            e.Store(target + (16 * L.Count));
            f.Store(target + (20 * L.Count));
        }

        for (; target < end; target += 16 * L.Count, counter += 4 * lanes)
        {
            Rounds(
                key, L.Interleaved(counter), L.Interleaved(counter + lanes), L.Interleaved(counter + (2 * lanes)), L.Interleaved(counter + (3 * lanes)),
                out PhiloxWords<L, U> a, out PhiloxWords<L, U> b, out PhiloxWords<L, U> c, out PhiloxWords<L, U> d);
            a.Store(target);
            b.Store(target + (4 * L.Count));
            c.Store(target + (8 * L.Count));
            d.Store(target + (12 * L.Count));
        }
    }
}
