using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>
/// A random mask whose probability follows the rank of a magnitude in its row; one task a row. The rank comes from four counting passes over 8 bits of
/// the key each, smallest digit first, each stable, of which those are left out where all keys share the digit; rows are entered from the back, so that of equal keys the lowest index ranks highest.
/// </summary>
internal unsafe struct RankedMask : IParallelJob
{
    private const int Digits = 4;
    private const int DigitBits = 8;
    private const int DigitValues = 1 << DigitBits;

    public byte* Mask;
    public float* Values;
    public int Columns;
    public ulong Key;
    public double First;
    public double Step;
    public ulong FirstIndex;

    /// <summary>For every worker room for <see cref="BufferBytes"/>.</summary>
    public byte* Buffers;
    public WorkerPool Pool;

    /// <summary>Two lists of pairs of key and index, and the counts of all digits.</summary>
    public static long BufferBytes(int columns) => ((16L * columns) + (Digits * DigitValues * sizeof(int)) + 63) & ~63L;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Execute(int task)
    {
        long row = (long)task * Columns;
        var counts = (int*)(Buffers + (Pool.CurrentWorker * BufferBytes(Columns)));
        var pairs = (ulong*)(counts + (Digits * DigitValues));
        ulong* others = pairs + Columns;
        float* values = Values + row;
        new Span<int>(counts, Digits * DigitValues).Clear();
        for (int i = 0; i < Columns; i++)
        {
            int index = Columns - 1 - i;
            uint bits = BitConverter.SingleToUInt32Bits(values[index]) & 0x7FFF_FFFF;
            pairs[i] = ((ulong)bits << 32) | (uint)index;
            counts[bits & 255]++;
            counts[DigitValues + (bits >> 8 & 255)]++;
            counts[(2 * DigitValues) + (bits >> 16 & 255)]++;
            counts[(3 * DigitValues) + (bits >> 24)]++;
        }

        for (int digit = 0; digit < Digits; digit++)
        {
            int* places = counts + (digit * DigitValues);
            int bit = 32 + (digit * DigitBits);
            if (places[(int)(pairs[0] >> bit) & 255] == Columns) continue;
            Sort(pairs, others, places, Columns, bit);
            ulong* sorted = others;
            others = pairs;
            pairs = sorted;
        }

        // Ranks by place, so that the four words of a counter are used together.
        var ranks = (int*)others;
        for (int rank = 0; rank < Columns; rank++) ranks[(uint)pairs[rank]] = rank;
        byte* mask = Mask + row;
        ulong first = FirstIndex + (ulong)row;
        for (int i = 0; i < Columns;)
        {
            ulong index = first + (ulong)i;
            (uint w0, uint w1, uint w2, uint w3) = Philox.Generate(Key, 0, index / 4);
            int word = (int)(index % 4);
            do
            {
                uint bits = word switch { 0 => w0, 1 => w1, 2 => w2, _ => w3 };
                mask[i] = bits < Math.FusedMultiplyAdd(ranks[i], Step, First) ? (byte)1 : (byte)0;
                i++;
            }
            while (++word < 4 && i < Columns);
        }
    }

    private static void Sort(ulong* pairs, ulong* sorted, int* places, int length, int bit)
    {
        int start = 0;
        for (int d = 0; d < DigitValues; d++)
        {
            int count = places[d];
            places[d] = start;
            start += count;
        }

        for (int i = 0; i < length; i++)
        {
            ulong pair = pairs[i];
            sorted[places[(int)(pair >> bit) & 255]++] = pair;
        }
    }
}
