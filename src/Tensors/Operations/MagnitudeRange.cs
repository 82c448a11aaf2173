namespace MergeEngine.Tensors.Operations;

/// <summary>Magnitudes of float32 from a smallest to a largest, both included, by their bits without the sign: those are ordered like the magnitudes.</summary>
public readonly record struct MagnitudeRange
{
    private const uint Infinity = 0x7F80_0000;

    /// <summary>The largest may lie so far above the smallest.</summary>
    public const uint Widest = (1u << CollectedMagnitude.KeyBits) - 1;

    /// <param name="smallest">Bits of the smallest.</param>
    /// <param name="largest">Bits of the largest, infinity at most, and less than 2²⁴ above the smallest: about two octaves.</param>
    public MagnitudeRange(uint smallest, uint largest)
    {
        if (smallest > largest || largest > Infinity || largest - smallest > Widest)
            throw new ArgumentOutOfRangeException(nameof(largest), largest, $"A range of magnitudes goes up, ends at {Infinity} and holds at most 2^{CollectedMagnitude.KeyBits} of them.");
        (Smallest, Largest) = (smallest, largest);
    }

    public uint Smallest { get; }

    public uint Largest { get; }

    /// <summary>The magnitudes whose 31 bits start with <paramref name="prefix"/>.</summary>
    /// <param name="prefix">Leading bits.</param>
    /// <param name="bits">How many, at least 7.</param>
    public static MagnitudeRange StartingWith(uint prefix, int bits)
    {
        uint smallest = prefix << (31 - bits);
        return new MagnitudeRange(smallest, Math.Min(smallest | (0x7FFF_FFFFu >> bits), Infinity));
    }
}

/// <summary>
/// An element that a search has written down: how far the bits of its magnitude are above the range's smallest, over 40 bits of 2⁴⁰ − 1 − its index. So the larger of two
/// numbers is the larger magnitude, or of equal ones the lower index.
/// </summary>
public static class CollectedMagnitude
{
    internal const int KeyBits = 24;
    internal const int IndexBits = 40;

    /// <summary>The largest index.</summary>
    internal const long LastIndex = (1L << IndexBits) - 1;

    /// <summary>The element's index.</summary>
    public static long Index(ulong entry) => LastIndex - (long)(entry & (ulong)LastIndex);

    /// <summary>Bits of its magnitude, found in a range that starts at <paramref name="smallest"/>.</summary>
    public static uint Key(ulong entry, uint smallest) => smallest + (uint)(entry >> IndexBits);
}
