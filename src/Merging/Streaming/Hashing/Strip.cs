using MergeEngine.Merging.Streaming.Hashing.Blake3;

namespace MergeEngine.Merging.Streaming.Hashing;

/// <summary>A part of a file while its bytes come by: which of them have, and the chaining values of its units that are whole.</summary>
internal sealed class Strip
{
    public const int Bytes = 1 << 20;

    public const int UnitBytes = 1 << 14;

    public const int Units = Bytes / UnitBytes;

    /// <summary>What is read at once of what never came.</summary>
    public const int ReadBytes = 16 * UnitBytes;

    /// <summary>Levels of the tree from a chunk to a unit.</summary>
    private const int UnitLevels = 4;

    private readonly Lock gate = new();
    private readonly ByteRanges came = new();
    private readonly List<(int Start, int End)> news = [];
    private readonly int[] missing;
    private readonly int length;
    private byte[] values = [];
    private ulong hashed;

    /// <param name="length">Less than <see cref="Bytes"/> at the end of a file.</param>
    public Strip(int length)
    {
        this.length = length;
        missing = new int[(length + UnitBytes - 1) / UnitBytes];
        for (int i = 0; i < missing.Length; i++) missing[i] = EndOf(i) - (i * UnitBytes);
    }

    /// <summary>One that has nothing left to come.</summary>
    public static Strip Done { get; } = new(0);

    /// <summary>The chaining values of its units.</summary>
    public Span<byte> Values => values.AsSpan(0, missing.Length * HashConstants.ValueBytes);

    private ulong All => missing.Length == Units ? ulong.MaxValue : (1UL << missing.Length) - 1;

    /// <summary>The byte after a unit's last.</summary>
    public int EndOf(int unit) => Math.Min(length, (unit + 1) * UnitBytes);

    /// <summary>Notes bytes that have come.</summary>
    /// <param name="start">Their place in the strip.</param>
    /// <param name="count">How many.</param>
    /// <param name="whole">The units that are whole by these bytes, a bit for each: the caller's to hash.</param>
    /// <returns>How many had not come before.</returns>
    public int Claim(int start, int count, out ulong whole)
    {
        whole = 0;
        if (length == 0) return 0;
        lock (gate)
        {
            news.Clear();
            int added = came.Add(start, start + count, news);
            foreach (var (from, end) in news)
            {
                for (int unit = from / UnitBytes; unit * UnitBytes < end; unit++)
                {
                    missing[unit] -= Math.Min(end, EndOf(unit)) - Math.Max(from, unit * UnitBytes);
                    if (missing[unit] == 0) whole |= 1UL << unit;
                }
            }

            if (values.Length == 0 && whole != 0) values = new byte[missing.Length * HashConstants.ValueBytes];
            return added;
        }
    }

    /// <summary>Hashes units that follow each other.</summary>
    /// <param name="unit">The first.</param>
    /// <param name="bytes">All of theirs.</param>
    /// <param name="offset">Of the first byte in the file.</param>
    public void Hash(int unit, ReadOnlySpan<byte> bytes, long offset)
    {
        const int MostUnits = 8;
        Span<byte> nodes = stackalloc byte[MostUnits * UnitBytes / HashConstants.ChunkBytes * HashConstants.ValueBytes];
        while (!bytes.IsEmpty)
        {
            ReadOnlySpan<byte> part = bytes[..Math.Min(MostUnits * UnitBytes, bytes.Length)];
            Span<byte> leaves = nodes[..(HashTree.ChunksOf(part.Length) * HashConstants.ValueBytes)];
            HashTree.Default.Leaves(part, offset / HashConstants.ChunkBytes, leaves);
            int count = HashTree.Default.Rise(leaves, UnitLevels);
            leaves[..(count * HashConstants.ValueBytes)].CopyTo(values.AsSpan(unit * HashConstants.ValueBytes));
            (unit, offset) = (unit + count, offset + part.Length);
            bytes = bytes[part.Length..];
        }
    }

    /// <summary>Says that units are hashed.</summary>
    /// <returns>True once: to the thread that has brought the last.</returns>
    public bool Complete(ulong units) => (Interlocked.Or(ref hashed, units) | units) == All;

    /// <summary>The next units that are not whole, to be read; none if all are.</summary>
    public (int Start, int Count) NextMissing()
    {
        lock (gate)
        {
            int first = Array.FindIndex(missing, m => m > 0);
            if (first < 0) return default;
            int last = first;
            while (last + 1 < missing.Length && missing[last + 1] > 0 && last + 1 - first < ReadBytes / UnitBytes) last++;
            return (first * UnitBytes, EndOf(last) - (first * UnitBytes));
        }
    }
}
