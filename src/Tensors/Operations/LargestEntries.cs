namespace MergeEngine.Tensors.Operations;

/// <summary>Numbers that are all different, by size.</summary>
internal static class LargestEntries
{
    /// <summary>The number that comes <paramref name="ordinal"/>th (from 1) from the largest. Reorders the numbers.</summary>
    public static ulong Last(Span<ulong> entries, long ordinal)
    {
        // Sixteen bits at a time, as long as there are more than are soon sorted.
        const int DigitBits = 16;
        long[]? counts = null;
        for (int shift = 64 - DigitBits; entries.Length > 4096 && shift >= 0; shift -= DigitBits)
        {
            counts ??= new long[1 << DigitBits];
            Array.Clear(counts);
            foreach (ulong entry in entries) counts[(entry >> shift) & 0xFFFF]++;
            int digit = counts.Length - 1;
            while (counts[digit] < ordinal) ordinal -= counts[digit--];
            int kept = 0;
            foreach (ulong entry in entries)
            {
                if ((int)((entry >> shift) & 0xFFFF) == digit) entries[kept++] = entry;
            }

            entries = entries[..kept];
        }

        entries.Sort();
        return entries[^(int)ordinal];
    }
}
