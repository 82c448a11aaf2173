using System.Buffers;

namespace MergeEngine.Merging.TensorMethods.Averages;

/// <summary>
/// Values of given ranks among magnitudes in float32, exactly and without a sorted copy: two passes of histograms that add up over chunks, 15 bits and 16 bits. NaN is
/// counted by none of them and has no rank.
/// </summary>
internal sealed class RankSearch : IDisposable
{
    public const int FirstBits = 15;
    public const int LastBits = 16;

    private readonly (uint Prefix, long Below)[] _found;
    private long[]? _first;

    /// <param name="shares">The ranks, int(share·(n − 1)) from the smallest of n.</param>
    public RankSearch(params double[] shares)
    {
        Shares = shares;
        _found = new (uint, long)[shares.Length];
        Last = new long[shares.Length][];
    }

    public double[] Shares { get; }

    /// <summary>Counters of the first pass.</summary>
    public long[] First => _first ??= Counters(FirstBits);

    /// <summary>Counters of the second pass for each rank; ranks with one prefix share them.</summary>
    public long[][] Last { get; }

    /// <summary>What the second pass counts for rank <paramref name="index"/>; null where an earlier rank's counters serve.</summary>
    public uint? PrefixOf(int index) => Array.FindIndex(_found, f => f.Prefix == _found[index].Prefix) == index ? _found[index].Prefix : null;

    /// <summary>Ends the first pass. False if nothing was counted.</summary>
    public bool CompleteFirst()
    {
        long total = First.Sum();
        if (total == 0) return false;
        for (int r = 0; r < Shares.Length; r++)
        {
            long rank = (long)(Shares[r] * (total - 1)), below = 0;
            uint digit = 0;
            while (below + First[digit] <= rank) below += First[digit++];
            _found[r] = (digit, rank - below);
            Last[r] = PrefixOf(r) is null ? Last[Array.FindIndex(_found, f => f.Prefix == digit)] : Counters(LastBits);
        }

        return true;
    }

    /// <summary>The value of a rank, after the second pass.</summary>
    public float Value(int index)
    {
        (uint prefix, long rank) = _found[index];
        long below = 0;
        uint digit = 0;
        while (below + Last[index][digit] <= rank) below += Last[index][digit++];
        return BitConverter.UInt32BitsToSingle((prefix << LastBits) | digit);
    }

    /// <summary>Gives the counters back, for the search of the next tensor.</summary>
    public void Dispose()
    {
        foreach (long[] counters in Last.Append(_first).OfType<long[]>().Distinct()) ArrayPool<long>.Shared.Return(counters);
        _first = null;
        Array.Clear(Last);
    }

    /// <summary>2^bits of them, which tensor after tensor uses: as garbage they would wait long for a collection.</summary>
    private static long[] Counters(int bits)
    {
        long[] counters = ArrayPool<long>.Shared.Rent(1 << bits);
        Array.Clear(counters);
        return counters;
    }
}
