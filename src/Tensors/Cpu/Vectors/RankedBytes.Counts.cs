using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <content>Bins, how many elements they have, the words that are drawn meanwhile, and what counts say of limits.</content>
internal readonly unsafe partial struct RankedBytes
{
    /// <summary>The bin of every element.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void FindBins(uint floor)
    {
        Vector512<ushort> floors = Vector512.Create((ushort)floor);
        uint* keys = _keys;
        byte* bins = _bins;
        for (byte* end = bins + Padded(_columns); bins < end; bins += Block, keys += Block) Bytes512.Steps(keys, BinShift, floors).Store(bins);
    }

    /// <summary>
    /// How many elements there are in each bin, and the row's words. Counting waits for stores, words wait for multiplications: in turn, some of each, both together take little longer than
    /// one.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void CountBins(ulong key, ulong counter, int ahead)
    {
        // Neighbours often lie in one bin, and a count has to be stored before it is read again: hence two tables.
        ushort* even = _below, odd = even + Bins;
        for (int b = 0; b < 2 * Bins; b += Vector512<ushort>.Count) Vector512<ushort>.Zero.Store(even + b);
        byte* bins = _bins, end = bins + Padded(_columns);
        ushort* words = _words;
        for (; end - bins >= Together; words += Together, counter += Together / 4)
        {
            uint k0 = (uint)key, k1 = (uint)(key >> 32);
            Vector512<ulong> key0 = Philox512.Create(k0), key1 = Philox512.Create(k1), next0 = Philox512.Create(k0 + Philox.Weyl0), next1 = Philox512.Create(k1 + Philox.Weyl1);
            var a = new PhiloxWords<Philox512, Vector512<ulong>>(Philox512.Sequence(counter), key0, key1, next0, next1);
            var b = new PhiloxWords<Philox512, Vector512<ulong>>(Philox512.Sequence(counter + 8), key0, key1, next0, next1);
            var c = new PhiloxWords<Philox512, Vector512<ulong>>(Philox512.Sequence(counter + 16), key0, key1, next0, next1);
            var d = new PhiloxWords<Philox512, Vector512<ulong>>(Philox512.Sequence(counter + 24), key0, key1, next0, next1);
            var e = new PhiloxWords<Philox512, Vector512<ulong>>(Philox512.Sequence(counter + 32), key0, key1, next0, next1);
            var f = new PhiloxWords<Philox512, Vector512<ulong>>(Philox512.Sequence(counter + 40), key0, key1, next0, next1);
            for (byte* part = bins + Together; bins < part;)
            {
                for (byte* share = bins + (Together / 4); bins < share; bins += 8) Count(bins, even, odd);
                k0 += unchecked(2 * Philox.Weyl0);
                k1 += unchecked(2 * Philox.Weyl1);
                (key0, key1, next0, next1) = (Philox512.Create(k0), Philox512.Create(k1), Philox512.Create(k0 + Philox.Weyl0), Philox512.Create(k1 + Philox.Weyl1));
                a.TwoRounds(key0, key1, next0, next1);
                b.TwoRounds(key0, key1, next0, next1);
                c.TwoRounds(key0, key1, next0, next1);
                d.TwoRounds(key0, key1, next0, next1);
                e.TwoRounds(key0, key1, next0, next1);
                f.TwoRounds(key0, key1, next0, next1);
            }

            StoreUpper(words, a);
            StoreUpper(words + 32, b);
            StoreUpper(words + 64, c);
            StoreUpper(words + 96, d);
            StoreUpper(words + 128, e);
            StoreUpper(words + 160, f);
        }

        for (; bins < end; bins += 8) Count(bins, even, odd);
        for (ushort* last = _words + _columns + ahead; words < last; words += 128, counter += 32)
        {
            PhiloxWords<Philox512, Vector512<ulong>>.Rounds(
                key, Philox512.Sequence(counter), Philox512.Sequence(counter + 8), Philox512.Sequence(counter + 16), Philox512.Sequence(counter + 24),
                out PhiloxWords<Philox512, Vector512<ulong>> a, out PhiloxWords<Philox512, Vector512<ulong>> b, out PhiloxWords<Philox512, Vector512<ulong>> c, out PhiloxWords<Philox512, Vector512<ulong>> d);
            StoreUpper(words, a);
            StoreUpper(words + 32, b);
            StoreUpper(words + 64, c);
            StoreUpper(words + 96, d);
        }
    }

    /// <summary>The upper halves of the words of eight counters, in the order of the stream.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreUpper(ushort* target, in PhiloxWords<Philox512, Vector512<ulong>> words)
    {
        (Vector512<ulong> w0, Vector512<ulong> w1, Vector512<ulong> w2, Vector512<ulong> w3) = words;
        Vector512<ulong> even = Vector512.Create(0x0000_FFFF_0000_FFFFul), lower = Vector512.Create(0xFFFF_FFFFul);
        Vector512<ulong> first = Vector512.ConditionalSelect(even, w0 >> 16, w1), last = Vector512.ConditionalSelect(even, w2 << 16, w3 << 32);
        Vector512.ConditionalSelect(lower, first, last).AsUInt16().Store(target);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Count(byte* bins, ushort* even, ushort* odd)
    {
        Increment(even, bins[0]);
        Increment(odd, bins[1]);
        Increment(even, bins[2]);
        Increment(odd, bins[3]);
        Increment(even, bins[4]);
        Increment(odd, bins[5]);
        Increment(even, bins[6]);
        Increment(odd, bins[7]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Increment(ushort* counts, nint bin) => counts[bin] = (ushort)(counts[bin] + 1);

    /// <summary>
    /// Sums the counts up, and finds the byte of the limit of the lowest rank that every bin may have; rounded down where float32 cannot tell. The next bin's is that of a rank above all of
    /// the bin.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Bound(byte* limits)
    {
        Vector512<float> step = Vector512.Create(_byteStep), start = Vector512.Create(_byteStart);
        Vector512<ushort> before = Vector512<ushort>.Zero;
        ushort* even = _below, odd = even + Bins;
        for (int b = 0; b < Bins; b += Vector512<ushort>.Count)
        {
            Vector512<ushort> counts = Vector512.Load(even + b) + Vector512.Load(odd + b), sums = Bytes512.RunningSums(counts), below = before + sums - counts;
            below.Store(even + b);
            LimitBytes(Vector512.WidenLower(below), step, start).Store(limits + b);
            LimitBytes(Vector512.WidenUpper(below), step, start).Store(limits + b + Vector512<uint>.Count);
            before += Bytes512.Last(sums);
        }

        even[Bins] = (ushort)_columns;
        limits[Bins] = (byte)Math.Clamp((_columns * _byteStep) + _byteStart, 0, 255);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> LimitBytes(Vector512<uint> ranks, Vector512<float> step, Vector512<float> start)
    {
        Vector512<float> places = Vector512.FusedMultiplyAdd(Avx512F.ConvertToVector512Single(ranks.AsInt32()), step, start);
        return Avx512F.ConvertToVector128ByteWithSaturation(Avx512F.ConvertToVector512Int32WithTruncation(places).AsUInt32());
    }
}
