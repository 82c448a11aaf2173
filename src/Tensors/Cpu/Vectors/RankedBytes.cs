using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>
/// Rows of a <see cref="RankedMask"/> with 512-bit vectors. Magnitudes and words become bytes, 64 to a vector, so that what the counts of 256 bins say of ranks stands in eight
/// registers and is looked up there: a word whose byte is less than that of its bin's lowest rank keeps its element, one whose byte is above that of the next bin's drops it. What lies
/// between, two or three elements in a thousand, is decided by the word itself and, if need be, by counting its rank out.
/// </summary>
internal readonly unsafe partial struct RankedBytes
{
    /// <summary>Rows for which this is faster than other ways: in shorter ones bins cost too much, in longer ones counting ranks out.</summary>
    public const int LeastColumns = 32;

    public const int MostColumns = 12_288;

    /// <summary>Elements that words' bytes may leave open before another way costs less.</summary>
    private const int MostOpen = 192;

    private const int Bins = 256;
    private const int Block = 64;

    /// <summary>Words of six vectors of counters, and as many elements, of which a quarter is counted before each two rounds but the first.</summary>
    private const int Together = 192;

    /// <summary>Bins of one octave: 2⁵. The 256 reach eight octaves down.</summary>
    private const int BinShift = 23 - 5;

    /// <summary>How far above the smallest of the lanes' largest magnitudes the last bin may start: two octaves.</summary>
    private const uint BinsAbove = 64;

    private const uint Magnitude = 0x7FFF_FFFF;

    /// <summary>Bits of half a word.</summary>
    private const int HalfBits = 16;

    /// <summary>More than float32's rounding moves a place among 256.</summary>
    private const float Margin = 1f / 1024;

    private readonly int _columns;
    private readonly double _first;
    private readonly double _step;

    // Whole blocks: magnitudes' bits, and the largest number behind the row; words' upper halves; bytes of bins.
    private readonly uint* _keys;
    private readonly ushort* _words;
    private readonly byte* _bins;

    /// <summary>Elements in the bins below each, which 16 bits hold; behind the last, all. Before, how many are in each, in two tables.</summary>
    private readonly ushort* _below;

    /// <summary>The bytes of these ranks' limits.</summary>
    private readonly byte* _limits;

    /// <summary>Elements that bytes leave open.</summary>
    private readonly int* _open;

    /// <summary>The byte of a word's upper half: how many steps of 2^<see cref="_wordShift"/> that is above this, at most 255.</summary>
    private readonly ushort _wordFloor;
    private readonly ushort _wordShift;

    /// <summary>The byte of a rank's limit: fma(rank, step, start) without its fraction, at least 0 and less than 255.</summary>
    private readonly float _byteStep;
    private readonly float _byteStart;

    /// <param name="columns">Elements of a row.</param>
    /// <param name="first">A word keeps its element of rank r if it is less than fma(r, step, first).</param>
    /// <param name="step">At least 0.</param>
    /// <param name="buffer">Room for <see cref="BufferBytes"/>, at a multiple of 64.</param>
    public RankedBytes(int columns, double first, double step, byte* buffer)
    {
        (_columns, _first, _step) = (columns, first, step);
        long padded = Padded(columns);
        _below = (ushort*)buffer;
        _limits = (byte*)(_below + (2 * Bins));
        _open = (int*)(_limits + Bins + Block);
        _bins = (byte*)(_open + MostOpen + 16);
        _keys = (uint*)(_bins + padded);
        _words = (ushort*)(_keys + padded);

        // A step and a 64th below the first limit, less what is no whole upper half: words below all limits are byte 0, and the lowest limit lies safely above that. The bytes of the limits
        // end below 255. A step is two upper halves or more, so that numbers of steps have a sign bit to spare when they are packed.
        int shift = Math.Max(HalfBits + 1, 32 - BitOperations.LeadingZeroCount((uint)(step * (columns - 1) / 250)));
        double stride = 1L << shift, half = 1L << HalfBits, floor = half * Math.Floor(Math.Clamp(first - (stride * 65 / 64), 0, uint.MaxValue) / half);
        (_wordShift, _wordFloor) = ((ushort)(shift - HalfBits), (ushort)(floor / half));
        (_byteStep, _byteStart) = ((float)(step / stride), (float)((first - floor) / stride) - Margin);
    }

    /// <summary>The bits of a row's magnitudes, from <see cref="TryMask"/> on.</summary>
    public uint* Keys => _keys;

    public static long BufferBytes(int columns) => (5L * Bins) + Block + (sizeof(int) * (MostOpen + 16L)) + (7 * Padded(columns)) + 4096;

    private static long Padded(int columns) => ((long)columns + Block - 1) & -Block;

    /// <summary>The row's mask, from its values, less their origin where there is one, and the words from the first on. False: too much is open, and nothing is decided.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public bool TryMask(byte* mask, float* values, float* origin, ulong key, ulong first)
    {
        FindBins(ReadMagnitudes(values, origin));
        CountBins(key, first / 4, (int)(first % 4));
        Bound(_limits);
        ushort* words = _words + (first % 4);
        int opened = Compare(mask, words);
        if (opened > MostOpen) return false;
        for (int k = 0; k < opened; k++)
        {
            int e = _open[k], bin = _bins[e];
            var word = new OpenWord(words[e], key, first + (uint)e);
            bool isKept = word.IsBelow(Limit(_below[bin]));
            if (!isKept && word.IsBelow(Limit(_below[bin + 1] - 1))) isKept = word.IsBelow(Limit(RankOf(e)));
            mask[e] = isKept ? (byte)1 : (byte)0;
        }

        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private double Limit(int rank) => Math.FusedMultiplyAdd(rank, _step, _first);

    /// <summary>A word of which the upper half is known; the rest is drawn again where that does not decide, once in some ten thousand times.</summary>
    private readonly struct OpenWord(ushort upper, ulong key, ulong index)
    {
        private readonly double _least = (double)upper * (1 << HalfBits);
        private readonly ulong _key = key;
        private readonly ulong _index = index;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool IsBelow(double limit) => _least < limit && (_least + ((1 << HalfBits) - 1) < limit || Philox.Word(_key, _index) < limit);
    }

    /// <summary>The bits of all magnitudes. Returns how many steps of 2^<see cref="BinShift"/> the bins start at.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint ReadMagnitudes(float* values, float* origin)
    {
        uint* keys = _keys;
        int i = 0, columns = _columns;

        // What is behind the row ranks above all of it.
        for (uint* end = keys + Padded(columns), behind = end - Block; behind < end; behind += 16) Vector512<uint>.AllBitsSet.Store(behind);
        Vector512<uint> all = Vector512.Create(Magnitude), largest = Vector512<uint>.Zero;
        if (origin == null)
        {
            for (; i <= columns - 16; i += 16)
            {
                Vector512<uint> key = Vector512.Load((uint*)values + i) & all;
                largest = Vector512.Max(largest, key);
                key.Store(keys + i);
            }
        }
        else
        {
            for (; i <= columns - 16; i += 16)
            {
                // The next row, while this one is worked on.
                Sse.Prefetch1(values + i + columns);
                Sse.Prefetch1(origin + i + columns);
                Vector512<uint> key = (Vector512.Load(values + i) - Vector512.Load(origin + i)).AsUInt32() & all;
                largest = Vector512.Max(largest, key);
                key.Store(keys + i);
            }
        }

        uint most = Keys512.MaxLane(largest), least = ~Keys512.MaxLane(~largest);
        for (; i < columns; i++)
        {
            keys[i] = BitConverter.SingleToUInt32Bits(origin == null ? values[i] : values[i] - origin[i]) & Magnitude;
            most = Math.Max(most, keys[i]);
        }

        // The lanes' largest hardly differ, unless some are outliers: the smallest of them tells better where most of the row lies. What is too large lies in the last bin, what is too
        // small in the first.
        uint last = least == 0 ? most >> BinShift : Math.Min(most >> BinShift, (least >> BinShift) + BinsAbove);
        return Math.Max(last, Bins - 1) - (Bins - 1);
    }

    /// <summary>The mask by bytes of words alone, and a list of the elements that these leave open. Returns how many.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Compare(byte* mask, ushort* words)
    {
        // The limit of the next bin is that of a rank above all of this one, so a word that is not less is dropped. Where ranks are closer to each other than float32 tells, what was rounded
        // down may be less than that of the highest rank of this bin.
        byte* limits = _limits;
        Vector512<byte> l0 = Vector512.Load(limits), l1 = Vector512.Load(limits + 64), l2 = Vector512.Load(limits + 128), l3 = Vector512.Load(limits + 192);
        var slack = Vector512.Create(_byteStep < 2 * Margin ? (byte)1 : (byte)0);
        Vector512<byte> m0 = Above(limits, slack), m1 = Above(limits + 64, slack), m2 = Above(limits + 128, slack), m3 = Above(limits + 192, slack);
        Vector512<ushort> floor = Vector512.Create(_wordFloor);
        Vector128<ushort> shift = Vector128.CreateScalar((ulong)_wordShift).AsUInt16();
        byte* bins = _bins;
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
        uint* key = _keys, within = key + (element & -Block), end = key + Padded(_columns);
        Vector512<uint> limit = Vector512.Create(key[element]), one = Vector512<uint>.One;

        // Four sums: each waits for its last addition.
        Vector512<uint> a = Vector512<uint>.Zero, b = a, c = a, d = a;
        for (; key < within; key += Block)
        {
            a = Vector512.ConditionalSelect(Vector512.LessThan(Vector512.Load(key), limit), a + one, a);
            b = Vector512.ConditionalSelect(Vector512.LessThan(Vector512.Load(key + 16), limit), b + one, b);
            c = Vector512.ConditionalSelect(Vector512.LessThan(Vector512.Load(key + 32), limit), c + one, c);
            d = Vector512.ConditionalSelect(Vector512.LessThan(Vector512.Load(key + 48), limit), d + one, d);
        }

        ulong less = 0, equal = 0;
        for (int i = 0; i < Block; i += 16)
        {
            Vector512<uint> around = Vector512.Load(key + i);
            less |= Vector512.LessThan(around, limit).ExtractMostSignificantBits() << i;
            equal |= Vector512.Equals(around, limit).ExtractMostSignificantBits() << i;
        }

        int rank = BitOperations.PopCount(less | (equal & (ulong.MaxValue << element << 1)));
        for (key += Block; key < end; key += Block)
        {
            a = Vector512.ConditionalSelect(Vector512.LessThanOrEqual(Vector512.Load(key), limit), a + one, a);
            b = Vector512.ConditionalSelect(Vector512.LessThanOrEqual(Vector512.Load(key + 16), limit), b + one, b);
            c = Vector512.ConditionalSelect(Vector512.LessThanOrEqual(Vector512.Load(key + 32), limit), c + one, c);
            d = Vector512.ConditionalSelect(Vector512.LessThanOrEqual(Vector512.Load(key + 48), limit), d + one, d);
        }

        return rank + (int)Vector512.Sum(a + b + c + d);
    }
}
