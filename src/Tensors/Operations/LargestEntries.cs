using System.Numerics;
using System.Runtime.CompilerServices;

namespace MergeEngine.Tensors.Operations;

/// <summary>Numbers that are all different, by size.</summary>
internal static class LargestEntries
{
    /// <summary>So few are sorted.</summary>
    private const int Few = 64;

    private const int DigitBits = 11;

    /// <summary>The number that comes <paramref name="ordinal"/>th (from 1) from the largest. Reorders the numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static ulong Last(Span<ulong> entries, long ordinal)
    {
        Span<int> counts = stackalloc int[1 << DigitBits];
        while (entries.Length > Few)
        {
            // The digit below the bits that all of them share.
            int shift = Math.Max(64 - BitOperations.LeadingZeroCount(Differing(entries)) - DigitBits, 0);
            counts.Clear();
            foreach (ulong entry in entries) counts[(int)(entry >> shift) & ((1 << DigitBits) - 1)]++;
            int digit = counts.Length - 1;
            while (counts[digit] < ordinal) ordinal -= counts[digit--];
            int kept = 0;
            foreach (ulong entry in entries)
            {
                // Written in any case and kept or not: what is found here cannot be foretold.
                entries[kept] = entry;
                kept += ((int)(entry >> shift) & ((1 << DigitBits) - 1)) == digit ? 1 : 0;
            }

            entries = entries[..kept];
        }

        entries.Sort();
        return entries[^(int)ordinal];
    }

    /// <summary>The bits in which any two differ.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static ulong Differing(ReadOnlySpan<ulong> entries)
    {
        ulong first = entries[0], bits = 0;
        var firsts = new Vector<ulong>(first);
        Vector<ulong> all = default;
        int i = 0;
        for (; i <= entries.Length - Vector<ulong>.Count; i += Vector<ulong>.Count) all |= new Vector<ulong>(entries[i..]) ^ firsts;
        for (int lane = 0; lane < Vector<ulong>.Count; lane++) bits |= all[lane];
        for (; i < entries.Length; i++) bits |= entries[i] ^ first;
        return bits;
    }
}
