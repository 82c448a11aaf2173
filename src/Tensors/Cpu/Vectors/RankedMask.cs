using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MergeEngine.Tensors.Cpu.Threads;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>
/// A random mask whose probability follows the rank of a magnitude in its row; one task some rows. A word that even the lowest rank keeps, or that even the highest drops, needs no
/// rank. For the others the row is counted into bins of magnitude, a few for each octave below the largest: the counts bound a rank from both sides, and where word and
/// bounds leave it open the rank is counted out. Rows in which that happens often, such as those of one value, are sorted instead. With 512-bit vectors <see cref="RankedBytes"/>
/// goes first.
/// </summary>
internal unsafe struct RankedMask : IParallelJob
{
    /// <summary>Octaves below the largest magnitude that have bins of their own.</summary>
    private const int Octaves = 16;

    private const int LeastBinBits = 8;
    private const int MostBinBits = 13;

    /// <summary>Ranks that are counted out before sorting costs less.</summary>
    private const int MostOpen = 192;

    private const int Stretch = 64;

    public byte* Mask;
    public float* Values;

    /// <summary>What is subtracted from the values, or null.</summary>
    public float* Origin;
    public int Columns;
    public int Rows;
    public ulong Key;

    /// <summary>A word keeps its element of rank r if it is less than fma(r, Step, First).</summary>
    public double First;
    public double Step;
    public ulong FirstIndex;
    public SimdLevel Simd;

    /// <summary>What is added up beside, where rows go by bytes.</summary>
    public RankedSums Sums;

    /// <summary>For every worker room for <see cref="BufferBytes"/>.</summary>
    public byte* Buffers;
    public WorkerPool Pool;

    /// <summary>Words, bins, counts and differences; or what sorting takes.</summary>
    public static long BufferBytes(int columns) =>
        Math.Max(RankedBytes.BufferBytes(columns), Math.Max(RankSort.BufferBytes(columns), (BinBytes << BinBits(columns)) + (sizeof(int) * (MostOpen + 2L)) + (10L * columns) + 2048)) & ~63L;

    /// <summary>Rows of a task: as many elements as other passes take, so that who runs it is asked once for all.</summary>
    private static int RowsAtATime(int columns) => Math.Max(Ranges.Length / columns, 1);

    /// <summary>Whether rows go by bytes, which leaves their magnitudes behind.</summary>
    public static bool GoesByBytes(SimdLevel simd, int columns, double step) =>
        simd == SimdLevel.Vector512 && step >= 0 && Bytes512.IsSupported && columns is >= RankedBytes.LeastColumns and <= RankedBytes.MostColumns;

    public static int TaskCount(int rows, int columns) => (int)(((long)rows + RowsAtATime(columns) - 1) / RowsAtATime(columns));

    /// <summary>Two counts and two limits.</summary>
    private const long BinBytes = 2 * (sizeof(int) + sizeof(double));

    private static int BinBits(int columns) => Math.Clamp(BitOperations.Log2((uint)columns) - 1, LeastBinBits, MostBinBits);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Execute(int task)
    {
        int columns = Columns, rows = RowsAtATime(columns);
        byte* buffer = Buffers + (Pool.CurrentWorker * BufferBytes(columns));
        long first = (long)task * rows, end = Math.Min(first + rows, Rows);
        if (GoesByBytes(Simd, columns, Step))
        {
            var bytes = new RankedBytes(columns, First, Step, buffer);
            for (long row = first * columns; first < end; first++, row += columns)
            {
                float* origin = Origin == null ? null : Origin + row;
                if (!bytes.TryMask(Mask + row, Values + row, origin, Key, FirstIndex + (ulong)row))
                {
                    Row(row, buffer);
                    if (!Sums.AreNone) bytes.ReadMagnitudes(Values + row, origin);
                }

                if (!Sums.AreNone) Sums.Add(bytes.Keys, Mask + row, columns, (long)FirstIndex + row);
            }
        }

        for (; first < end; first++) Row(first * columns, buffer);
    }

    private readonly void Row(long row, byte* buffer)
    {
        switch (Simd)
        {
            case SimdLevel.Vector512: Row<Keys512, Vector512<uint>, Philox512, Vector512<ulong>>(row, buffer); break;
            case SimdLevel.Vector256: Row<Keys256, Vector256<uint>, Philox256, Vector256<ulong>>(row, buffer); break;
            default: Row<Keys128, Vector128<uint>, Philox128, Vector128<ulong>>(row, buffer); break;
        }
    }

    /// <param name="row">Its first element.</param>
    /// <param name="buffer">This worker's.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Row<K, U, L, W>(long row, byte* buffer)
        where K : struct, IKeyLanes<U>
        where U : struct
        where L : struct, IPhiloxLanes<W>
        where W : struct
    {
        int columns = Columns, binBits = BinBits(columns), bins = 1 << binBits;
        byte* mask = Mask + row;
        var limits = (double*)buffer;
        var below = (int*)(limits + (2 * bins));
        int* open = below + (2 * bins) + 1;
        var bin = (ushort*)(((nint)(open + MostOpen + 1) + 63) & ~63);
        var words = (uint*)(((nint)(bin + columns + Stretch) + 63) & ~63);
        uint* keys = Origin == null ? (uint*)(Values + row) : Subtract(Values + row, Origin + row, (float*)(buffer + BufferBytes(columns)) - columns, columns);
        ulong first = FirstIndex + (ulong)row;
        PhiloxWords<L, W>.Generate(words, columns + (int)(first % 4), Key, first / 4);
        words += first % 4;

        Count<K, U>(keys, columns, binBits, bin, below);
        Bound<K, U>(below, bins, limits);
        double lowest = First, highest = Math.FusedMultiplyAdd(columns - 1, Step, First);
        int opened = Step < 0 ? MostOpen + 1 : 0, i = 0;
        U always = K.Create(Limit(lowest)), ever = K.Create(Limit(highest));
        bool mayKeepAll = highest > uint.MaxValue;
        for (; i <= columns - Stretch && opened <= MostOpen; i += Stretch)
        {
            ulong decided = 0, possible = mayKeepAll ? ulong.MaxValue : 0;
            for (int j = 0; j < Stretch; j += K.Count)
            {
                U word = K.Load(words + i + j);
                K.StoreBelow(mask + i + j, word, always);
                decided |= (ulong)K.Below(word, always) << j;
                if (!mayKeepAll) possible |= (ulong)K.Below(word, ever) << j;
            }

            for (ulong undecided = possible & ~decided; undecided != 0; undecided &= undecided - 1)
            {
                int e = i + BitOperations.TrailingZeroCount(undecided);
                double word = words[e];
                double* bounds = limits + bin[e];
                bool keptByLeast = word < bounds[0], keptByMost = word < bounds[bins];
                mask[e] = keptByLeast ? (byte)1 : (byte)0;
                if (keptByLeast == keptByMost) continue;
                if (opened < MostOpen) open[opened] = e;
                opened++;
                if (opened > MostOpen) break;
            }
        }

        for (; i < columns && opened <= MostOpen; i++)
        {
            double word = words[i];
            double* bounds = limits + bin[i];
            bool keptByLeast = word < bounds[0], keptByMost = word < bounds[bins];
            mask[i] = keptByLeast ? (byte)1 : (byte)0;
            if (keptByLeast == keptByMost) continue;
            if (opened < MostOpen) open[opened] = i;
            opened++;
        }

        if (opened > MostOpen)
        {
            Sorted<L, W>(row, buffer);
            return;
        }

        for (int k = 0; k < opened; k++)
        {
            int e = open[k];
            mask[e] = words[e] < Math.FusedMultiplyAdd(RankOf<K, U>(keys, columns, e), Step, First) ? (byte)1 : (byte)0;
        }
    }

    /// <summary>The bits of a row's differences, which are written behind everything else.</summary>
    private static uint* Subtract(float* values, float* origin, float* differences, int columns)
    {
        TensorPrimitives.Subtract(new ReadOnlySpan<float>(values, columns), new ReadOnlySpan<float>(origin, columns), new Span<float>(differences, columns));
        return (uint*)differences;
    }

    /// <summary>The bin of every element, and how many elements lie in the bins below each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Count<K, U>(uint* keys, int columns, int binBits, ushort* bin, int* below)
        where K : struct, IKeyLanes<U>
        where U : struct
    {
        const uint magnitude = 0x7FFF_FFFF;
        int width = K.Count, i = 0, bins = 1 << binBits;
        U largest = K.Create(0), all = K.Create(magnitude);
        for (; i <= columns - width; i += width) largest = K.Max(largest, K.And(K.Load(keys + i), all));
        uint most = K.MaxLane(largest);
        for (; i < columns; i++) most = Math.Max(most, keys[i] & magnitude);

        // The largest lies in the last bin; what is too small for a bin of its own in the first.
        int shift = 23 - binBits + BitOperations.Log2(Octaves);
        uint floor = (uint)Math.Max((int)(most >> shift) - bins + 1, 0);
        U lowest = K.Create(floor);
        for (i = 0; i <= columns - width; i += width) K.StoreNarrow(bin + i, K.Subtract(K.Max(K.ShiftRight(K.And(K.Load(keys + i), all), shift), lowest), lowest));
        for (; i < columns; i++) bin[i] = (ushort)(Math.Max((keys[i] & magnitude) >> shift, floor) - floor);

        // Two tables in turn: neighbours often lie in one bin, and a count has to be stored before it is read again.
        new Span<int>(below, (2 * bins) + 1).Clear();
        int* even = below + 1, odd = even + bins;
        ushort* next = bin, end = bin + columns;
        for (; next <= end - 8; next += 8)
        {
            even[next[0]]++;
            odd[next[1]]++;
            even[next[2]]++;
            odd[next[3]]++;
            even[next[4]]++;
            odd[next[5]]++;
            even[next[6]]++;
            odd[next[7]]++;
        }

        for (; next < end; next++) even[*next]++;
        U before = K.Create(0);
        for (int b = 0; b < bins; b += width)
        {
            U sums = K.Add(before, K.RunningSums(K.Add(K.Load((uint*)even + b), K.Load((uint*)odd + b))));
            K.Store((uint*)even + b, sums);
            before = K.Last(sums);
        }
    }

    /// <summary>What a word must be less than to keep the element of the lowest rank that a bin may have, for every bin, then that of the highest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void Bound<K, U>(int* below, int bins, double* limits)
        where K : struct, IKeyLanes<U>
        where U : struct
    {
        U one = K.Create(1);
        for (int b = 0; b < bins; b += K.Count)
        {
            K.StoreLine(limits + b, K.Load((uint*)below + b), Step, First);
            K.StoreLine(limits + bins + b, K.Subtract(K.Load((uint*)below + b + 1), one), Step, First);
        }
    }

    /// <summary>Elements that rank lower than one: smaller ones, and equal ones behind it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int RankOf<K, U>(uint* keys, int columns, int element)
        where K : struct, IKeyLanes<U>
        where U : struct
    {
        const uint magnitude = 0x7FFF_FFFF;
        uint key = keys[element] & magnitude;
        int rank = 0, i = 0, width = K.Count;
        U all = K.Create(magnitude), limit = K.Create(key);
        for (; i <= element - width; i += width) rank += BitOperations.PopCount(K.Below(K.And(K.Load(keys + i), all), limit));
        for (; i < element; i++) rank += (keys[i] & magnitude) < key ? 1 : 0;
        limit = K.Create(key + 1);
        for (i = element + 1; i <= columns - width; i += width) rank += BitOperations.PopCount(K.Below(K.And(K.Load(keys + i), all), limit));
        for (; i < columns; i++) rank += (keys[i] & magnitude) <= key ? 1 : 0;
        return rank;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Sorted<L, W>(long row, byte* buffer)
        where L : struct, IPhiloxLanes<W>
        where W : struct
    {
        const int part = 256;
        int* ranks = RankSort.Ranks(Values + row, Origin == null ? null : Origin + row, Columns, buffer);
        uint* words = stackalloc uint[part + 4 + PhiloxWords<L, W>.Excess];
        for (int start = 0; start < Columns; start += part)
        {
            ulong first = FirstIndex + (ulong)(row + start);
            int count = Math.Min(part, Columns - start), ahead = (int)(first % 4);
            PhiloxWords<L, W>.Generate(words, count + ahead, Key, first / 4);
            for (int i = 0; i < count; i++) Mask[row + start + i] = words[ahead + i] < Math.FusedMultiplyAdd(ranks[start + i], Step, First) ? (byte)1 : (byte)0;
        }
    }

    /// <summary>The smallest word that is not less than a number; the largest word where all are.</summary>
    private static uint Limit(double number) => number <= 0 ? 0 : number > uint.MaxValue ? uint.MaxValue : (uint)Math.Ceiling(number);
}
