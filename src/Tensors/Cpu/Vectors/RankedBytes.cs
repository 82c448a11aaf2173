using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>
/// A row of a <see cref="RankedMask"/> with 512-bit vectors. Magnitudes and words become bytes, 64 to a vector, so that what the counts of 256 bins say of ranks stands in eight
/// registers and is looked up there: a word whose byte is less than that of its bin's lowest rank keeps its element, one whose byte is above that of the next bin's drops it. What lies
/// between, two or three elements in a thousand, is decided by the word itself and, if need be, by counting its rank out.
/// </summary>
internal readonly unsafe struct RankedBytes
{
    /// <summary>Rows for which this is faster than other ways: in shorter ones bins cost too much, in longer ones counting ranks out.</summary>
    public const int LeastColumns = 32;

    public const int MostColumns = 12_288;

    /// <summary>Elements that words' bytes may leave open before another way costs less.</summary>
    private const int MostOpen = 192;

    private const int Bins = 256;
    private const int Block = 64;

    /// <summary>Words of six vectors of counters, and as many elements of which 24 are counted in a round.</summary>
    private const int Together = 192;

    /// <summary>Bins of one octave: 2⁵. The 256 reach eight octaves down.</summary>
    private const int BinShift = 23 - 5;

    /// <summary>How far above the smallest of the lanes' largest magnitudes the last bin may start: two octaves.</summary>
    private const uint BinsAbove = 64;

    /// <summary>More than float32's rounding moves a place among 256.</summary>
    private const float Margin = 1f / 1024;

    private readonly byte* _mask;
    private readonly int _columns;
    private readonly double _first;
    private readonly double _step;

    // Whole blocks: magnitudes' bits, and the largest number behind the row; words; bytes of bins.
    private readonly uint* _keys;
    private readonly uint* _words;
    private readonly byte* _bins;

    /// <summary>Elements in the bins below each, which 16 bits hold; behind the last, all. Before, how many are in each, in two tables.</summary>
    private readonly ushort* _below;

    /// <summary>The bytes of these ranks' limits.</summary>
    private readonly byte* _limits;

    /// <summary>Elements that bytes leave open.</summary>
    private readonly int* _open;

    /// <summary>A word's byte: how many steps of 2^<see cref="_wordShift"/> it is above this, at most 255.</summary>
    private readonly uint _wordFloor;
    private readonly int _wordShift;

    /// <summary>The byte of a rank's limit: fma(rank, step, start) without its fraction, at least 0 and less than 255.</summary>
    private readonly float _byteStep;
    private readonly float _byteStart;

    /// <param name="mask">What is written.</param>
    /// <param name="columns">Elements of the row.</param>
    /// <param name="first">A word keeps its element of rank r if it is less than fma(r, step, first).</param>
    /// <param name="step">At least 0.</param>
    /// <param name="buffer">Room for <see cref="BufferBytes"/>, at a multiple of 64.</param>
    public RankedBytes(byte* mask, int columns, double first, double step, byte* buffer)
    {
        _mask = mask;
        (_columns, _first, _step) = (columns, first, step);
        long padded = Padded(columns);
        _below = (ushort*)buffer;
        _limits = (byte*)(_below + (2 * Bins));
        _open = (int*)(_limits + Bins + Block);
        _bins = (byte*)(_open + MostOpen + 16);
        _keys = (uint*)(_bins + padded);
        _words = _keys + padded;

        // A step and a 64th below the first limit: words below all limits are byte 0, and the lowest limit lies safely above that. The bytes of the limits end below 255.
        int shift = 32 - BitOperations.LeadingZeroCount((uint)(step * (columns - 1) / 250));
        double stride = 1L << shift, floor = Math.Clamp(Math.Floor(first) - stride - Math.Max(1, Math.Floor(stride / 64)), 0, uint.MaxValue);
        (_wordShift, _wordFloor) = (shift, (uint)floor);
        (_byteStep, _byteStart) = ((float)(step / stride), (float)((first - floor) / stride) - Margin);
    }

    public static long BufferBytes(int columns) => (5L * Bins) + Block + (sizeof(int) * (MostOpen + 16L)) + (9 * Padded(columns)) + 4096;

    private static long Padded(int columns) => ((long)columns + Block - 1) & -Block;

    /// <summary>The row's mask, from its values and the words from the first on. False: too much is open, and nothing is decided.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public bool TryMask(float* values, ulong key, ulong first)
    {
        FindBins(ReadKeys((uint*)values));
        CountBins(key, first / 4, (int)(first % 4));
        Bound(_limits);
        uint* words = _words + (first % 4);
        int opened = Compare(words);
        if (opened > MostOpen) return false;
        for (int k = 0; k < opened; k++)
        {
            int e = _open[k], bin = _bins[e];
            uint word = words[e];
            bool isKept = word < Limit(_below[bin]);
            if (!isKept && word < Limit(_below[bin + 1] - 1)) isKept = word < Limit(RankOf(e));
            _mask[e] = isKept ? (byte)1 : (byte)0;
        }

        return true;
    }

    private double Limit(int rank) => Math.FusedMultiplyAdd(rank, _step, _first);

    /// <summary>The bits of all magnitudes. Returns those that the bins start at.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private uint ReadKeys(uint* values)
    {
        const uint magnitude = 0x7FFF_FFFF;
        uint* keys = _keys, end = keys + Padded(_columns);
        int i = 0, columns = _columns;

        // What is behind the row ranks above all of it.
        for (uint* behind = end - Block; behind < end; behind += 16) Vector512<uint>.AllBitsSet.Store(behind);
        Vector512<uint> all = Vector512.Create(magnitude), largest = Vector512<uint>.Zero;
        for (; i <= columns - 16; i += 16)
        {
            Vector512<uint> key = Vector512.Load(values + i) & all;
            largest = Vector512.Max(largest, key);
            key.Store(keys + i);
        }

        uint most = Keys512.MaxLane(largest), least = ~Keys512.MaxLane(~largest);
        for (; i < columns; i++)
        {
            keys[i] = values[i] & magnitude;
            most = Math.Max(most, keys[i]);
        }

        // The lanes' largest hardly differ, unless some are outliers: the smallest of them tells better where most of the row lies. What is too large lies in the last bin, what is too
        // small in the first.
        uint last = least == 0 ? most >> BinShift : Math.Min(most >> BinShift, (least >> BinShift) + BinsAbove);
        return last < Bins ? 0 : (last - (Bins - 1)) << BinShift;
    }

    /// <summary>The bin of every element.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void FindBins(uint floor)
    {
        Vector512<uint> floors = Vector512.Create(floor), shift = Vector512.Create((uint)BinShift);
        uint* keys = _keys;
        byte* bins = _bins;
        for (byte* end = bins + Padded(_columns); bins < end; bins += Block, keys += Block) Bytes512.Steps(keys, floors, shift).Store(bins);
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
        uint* words = _words;
        for (; end - bins >= Together; words += Together, counter += Together / 4)
        {
            var a = new PhiloxWords<Philox512, Vector512<ulong>>(Philox512.Interleaved(counter));
            var b = new PhiloxWords<Philox512, Vector512<ulong>>(Philox512.Interleaved(counter + 8));
            var c = new PhiloxWords<Philox512, Vector512<ulong>>(Philox512.Interleaved(counter + 16));
            var d = new PhiloxWords<Philox512, Vector512<ulong>>(Philox512.Interleaved(counter + 24));
            var e = new PhiloxWords<Philox512, Vector512<ulong>>(Philox512.Interleaved(counter + 32));
            var f = new PhiloxWords<Philox512, Vector512<ulong>>(Philox512.Interleaved(counter + 40));
            uint k0 = (uint)key, k1 = (uint)(key >> 32);
            for (int round = 0; round < Philox.Rounds; round++)
            {
                Vector512<ulong> key0 = Vector512.Create((ulong)k0), key1 = Vector512.Create((ulong)k1);
                a.Round(key0, key1);
                b.Round(key0, key1);
                c.Round(key0, key1);
                d.Round(key0, key1);
                e.Round(key0, key1);
                f.Round(key0, key1);
                k0 += Philox.Weyl0;
                k1 += Philox.Weyl1;
                if (round >= Together / 24) continue;
                Count(bins, even, odd);
                Count(bins + 8, even, odd);
                Count(bins + 16, even, odd);
                bins += 24;
            }

            a.Store(words);
            b.Store(words + 32);
            c.Store(words + 64);
            d.Store(words + 96);
            e.Store(words + 128);
            f.Store(words + 160);
        }

        for (; bins < end; bins += 8) Count(bins, even, odd);
        long missing = _columns + ahead - (words - _words);
        if (missing > 0) PhiloxWords<Philox512, Vector512<ulong>>.Generate(words, (int)missing, key, counter);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Count(byte* bins, ushort* even, ushort* odd)
    {
        even[bins[0]]++;
        odd[bins[1]]++;
        even[bins[2]]++;
        odd[bins[3]]++;
        even[bins[4]]++;
        odd[bins[5]]++;
        even[bins[6]]++;
        odd[bins[7]]++;
    }

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

    /// <summary>The mask by bytes of words alone, and a list of the elements that these leave open. Returns how many.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Compare(uint* words)
    {
        // The limit of the next bin is that of a rank above all of this one, so a word that is not less is dropped. Where ranks are closer to each other than float32 tells, what was rounded
        // down may be less than that of the highest rank of this bin.
        byte* limits = _limits;
        Vector512<byte> l0 = Vector512.Load(limits), l1 = Vector512.Load(limits + 64), l2 = Vector512.Load(limits + 128), l3 = Vector512.Load(limits + 192);
        var slack = Vector512.Create(_byteStep < 2 * Margin ? (byte)1 : (byte)0);
        Vector512<byte> m0 = Above(limits, slack), m1 = Above(limits + 64, slack), m2 = Above(limits + 128, slack), m3 = Above(limits + 192, slack);
        Vector512<uint> floor = Vector512.Create(_wordFloor), shift = Vector512.Create((uint)_wordShift);
        byte* bins = _bins, mask = _mask;
        int* list = _open;
        int opened = 0, columns = _columns;
        for (int i = 0; i < columns && opened <= MostOpen; i += Block)
        {
            Vector512<byte> bin = Vector512.Load(bins + i), word = Bytes512.Steps(words + i, floor, shift);
            Vector512<byte> least = Bytes512.LookUp(bin, l0, l1, l2, l3), most = Bytes512.LookUp(bin, m0, m1, m2, m3);
            byte* target = mask + i;
            Vector512<byte> isKept = Vector512.LessThan(word, least), isBit = isKept & Vector512<byte>.One;
            ulong open = ~(isKept.ExtractMostSignificantBits() | Vector512.GreaterThan(word, most).ExtractMostSignificantBits());
            if (i > columns - Block)
            {
                // The bytes of limits have done their work.
                target = limits;
                open &= ulong.MaxValue >> -columns;
            }

            isBit.Store(target);

            // One or none as a rule, which needs no branch.
            list[opened] = i + BitOperations.TrailingZeroCount(open);
            opened += open != 0 ? 1 : 0;
            for (open &= open - 1; open != 0; open &= open - 1)
            {
                list[opened] = i + BitOperations.TrailingZeroCount(open);
                if (++opened > MostOpen) break;
            }
        }

        if (columns % Block != 0) Unsafe.CopyBlockUnaligned(mask + (columns & -Block), limits, (uint)columns % Block);
        return opened;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<byte> Above(byte* limits, Vector512<byte> slack) => Avx512BW.AddSaturate(Vector512.Load(limits + 1), slack);

    /// <summary>Elements that rank lower than one: smaller ones, and equal ones behind it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private int RankOf(int element)
    {
        uint* key = _keys, within = key + (element & -16), end = key + Padded(_columns);
        Vector512<uint> limit = Vector512.Create(key[element]), lower = Vector512<uint>.Zero;
        for (; key < within; key += 16) lower -= Vector512.LessThan(Vector512.Load(key), limit);
        Vector512<uint> around = Vector512.Load(key);
        ulong equalBehind = Vector512.Equals(around, limit).ExtractMostSignificantBits() & (ulong.MaxValue << (element % 16) << 1);
        int rank = BitOperations.PopCount(Vector512.LessThan(around, limit).ExtractMostSignificantBits() | equalBehind);
        for (key += 16; key < end; key += 16) lower -= Vector512.LessThanOrEqual(Vector512.Load(key), limit);
        return rank + (int)Vector512.Sum(lower);
    }
}
