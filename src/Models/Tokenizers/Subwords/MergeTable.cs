using System.Runtime.CompilerServices;

namespace MergeEngine.Models.Tokenizers.Subwords;

/// <summary>Which pairs of symbols merge: an open-addressing table from a pair to its rank and result.</summary>
internal sealed class MergeTable
{
    private const ulong Multiplier = 0x9E3779B97F4A7C15;

    private readonly Entry[] _entries;
    private readonly int _shift;

    /// <param name="merges">In the order of their ranks; of equal pairs the last one counts.</param>
    public MergeTable(IReadOnlyList<(int Left, int Right, int Result)> merges)
    {
        int bits = 4;
        while (1L << bits < merges.Count * 2L) bits++;
        _entries = new Entry[1 << bits];
        _shift = 64 - bits;
        Array.Fill(_entries, new Entry { Rank = -1 });
        for (int rank = 0; rank < merges.Count; rank++)
        {
            (int left, int right, int result) = merges[rank];
            Find(left, right) = new Entry { Key = KeyOf(left, right), Rank = rank, Result = result };
        }
    }

    /// <summary>Rank and result of a pair; false if it does not merge.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryGet(int left, int right, out int rank, out int result)
    {
        ref Entry entry = ref Find(left, right);
        rank = entry.Rank;
        result = entry.Result;
        return rank >= 0;
    }

    /// <summary>The pair's entry, or the free one where it would be. Half of the table is free, so the search ends.</summary>
    private ref Entry Find(int left, int right)
    {
        ulong key = KeyOf(left, right);
        int at = (int)((key * Multiplier) >> _shift);
        while (_entries[at].Rank >= 0 && _entries[at].Key != key) at = (at + 1) & (_entries.Length - 1);
        return ref _entries[at];
    }

    private static ulong KeyOf(int left, int right) => ((ulong)(uint)left << 32) | (uint)right;

    private struct Entry
    {
        public ulong Key;
        public int Rank;
        public int Result;
    }
}
