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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public PhiloxWords(U counter)
    {
        _x0 = counter;
        _x1 = L.UpperHalf(counter);
        _x2 = L.Create(0);
        _x3 = _x2;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Round(U key0, U key1)
    {
        U p0 = L.MultiplyLower(_x0, L.Create(Philox.Multiplier0)), p1 = L.MultiplyLower(_x2, L.Create(Philox.Multiplier1));
        _x0 = L.Xor(L.Xor(L.UpperHalf(p1), _x1), key0);
        _x1 = p1;
        _x2 = L.Xor(L.Xor(L.UpperHalf(p0), _x3), key1);
        _x3 = p0;
    }

    /// <summary>Byte w of a lane ← 1 where word w is below the limit.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly U Bytes(U limit)
    {
        U lower = L.Create(0xFFFF_FFFF);
        U b0 = L.And(L.LessThan(L.And(_x0, lower), limit), L.Create(0x0000_0001));
        U b1 = L.And(L.LessThan(L.And(_x1, lower), limit), L.Create(0x0000_0100));
        U b2 = L.And(L.LessThan(L.And(_x2, lower), limit), L.Create(0x0001_0000));
        U b3 = L.And(L.LessThan(L.And(_x3, lower), limit), L.Create(0x0100_0000));
        return L.Or(L.Or(b0, b1), L.Or(b2, b3));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store(uint* target) => L.StoreWords(target, _x0, _x1, _x2, _x3);

    /// <summary>All rounds of four vectors together: a round waits for its multiplications, so one alone would leave the processor idle.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Rounds(ulong key, ref PhiloxWords<L, U> a, ref PhiloxWords<L, U> b, ref PhiloxWords<L, U> c, ref PhiloxWords<L, U> d)
    {
        uint k0 = (uint)key, k1 = (uint)(key >> 32);
        for (int round = 0; round < Philox.Rounds; round++)
        {
            U key0 = L.Create(k0), key1 = L.Create(k1);
            a.Round(key0, key1);
            b.Round(key0, key1);
            c.Round(key0, key1);
            d.Round(key0, key1);
            k0 += Philox.Weyl0;
            k1 += Philox.Weyl1;
        }
    }

    /// <summary>All rounds of six vectors together, whose words, products and keys just fit into 32 registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Rounds(
        ulong key, ref PhiloxWords<L, U> a, ref PhiloxWords<L, U> b, ref PhiloxWords<L, U> c, ref PhiloxWords<L, U> d, ref PhiloxWords<L, U> e, ref PhiloxWords<L, U> f)
    {
        uint k0 = (uint)key, k1 = (uint)(key >> 32);
        for (int round = 0; round < Philox.Rounds; round++)
        {
            U key0 = L.Create(k0), key1 = L.Create(k1);
            a.Round(key0, key1);
            b.Round(key0, key1);
            c.Round(key0, key1);
            d.Round(key0, key1);
            e.Round(key0, key1);
            f.Round(key0, key1);
            k0 += Philox.Weyl0;
            k1 += Philox.Weyl1;
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
            var a = new PhiloxWords<L, U>(L.Interleaved(counter));
            var b = new PhiloxWords<L, U>(L.Interleaved(counter + lanes));
            var c = new PhiloxWords<L, U>(L.Interleaved(counter + (2 * lanes)));
            var d = new PhiloxWords<L, U>(L.Interleaved(counter + (3 * lanes)));
            var e = new PhiloxWords<L, U>(L.Interleaved(counter + (4 * lanes)));
            var f = new PhiloxWords<L, U>(L.Interleaved(counter + (5 * lanes)));
            Rounds(key, ref a, ref b, ref c, ref d, ref e, ref f);
            a.Store(target);
            b.Store(target + (4 * L.Count));
            c.Store(target + (8 * L.Count));
            d.Store(target + (12 * L.Count));
            e.Store(target + (16 * L.Count));
            f.Store(target + (20 * L.Count));
        }

        for (; target < end; target += 16 * L.Count, counter += 4 * lanes)
        {
            var a = new PhiloxWords<L, U>(L.Interleaved(counter));
            var b = new PhiloxWords<L, U>(L.Interleaved(counter + lanes));
            var c = new PhiloxWords<L, U>(L.Interleaved(counter + (2 * lanes)));
            var d = new PhiloxWords<L, U>(L.Interleaved(counter + (3 * lanes)));
            Rounds(key, ref a, ref b, ref c, ref d);
            a.Store(target);
            b.Store(target + (4 * L.Count));
            c.Store(target + (8 * L.Count));
            d.Store(target + (12 * L.Count));
        }
    }
}
