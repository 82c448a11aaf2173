using System.Runtime.CompilerServices;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>
/// The ranks of a row's magnitudes by sorting: four counting passes over 8 bits of the key each, smallest digit first, each stable, of which those are left out where all keys
/// share the digit; the row is entered from the back, so that of equal keys the lowest index ranks highest.
/// </summary>
internal static unsafe class RankSort
{
    private const int Digits = 4;
    private const int DigitBits = 8;
    private const int DigitValues = 1 << DigitBits;

    /// <summary>Two lists of pairs of key and index, and the counts of all digits.</summary>
    public static long BufferBytes(int columns) => ((16L * columns) + (Digits * DigitValues * sizeof(int)) + 63) & ~63L;

    /// <summary>The ranks from 0 for the smallest, in the buffer; of differences where there is an origin.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int* Ranks(float* values, float* origin, int columns, byte* buffer)
    {
        var counts = (int*)buffer;
        var pairs = (ulong*)(counts + (Digits * DigitValues));
        ulong* others = pairs + columns;
        new Span<int>(counts, Digits * DigitValues).Clear();
        for (int i = 0; i < columns; i++)
        {
            int index = columns - 1 - i;
            uint bits = BitConverter.SingleToUInt32Bits(origin == null ? values[index] : values[index] - origin[index]) & 0x7FFF_FFFF;
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
            if (places[(int)(pairs[0] >> bit) & 255] == columns) continue;
            Sort(pairs, others, places, columns, bit);
            ulong* sorted = others;
            others = pairs;
            pairs = sorted;
        }

        // By place, as the words of a counter follow each other.
        var ranks = (int*)others;
        for (int rank = 0; rank < columns; rank++) ranks[(uint)pairs[rank]] = rank;
        return ranks;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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
