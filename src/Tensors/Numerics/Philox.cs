using System.Runtime.CompilerServices;

namespace MergeEngine.Tensors.Numerics;

/// <summary>
/// Philox4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC'11).
/// The output is a pure function of key and counter, so element i of a tensor gets the same bits on every device, thread and chunk.
/// </summary>
public static class Philox
{
    internal const uint Multiplier0 = 0xD2511F53;
    internal const uint Multiplier1 = 0xCD9E8D57;
    internal const uint Weyl0 = 0x9E3779B9;
    internal const uint Weyl1 = 0xBB67AE85;
    internal const int Rounds = 10;

    /// <summary>
    /// Four words for one counter. The counter's words are, from the first: low and high half of <paramref name="counterLow"/>, low and
    /// high half of <paramref name="counterHigh"/>; the key's first word is its low half (Random123's order).
    /// </summary>
    public static (uint X0, uint X1, uint X2, uint X3) Generate(ulong key, ulong counterHigh, ulong counterLow)
    {
        uint x0 = (uint)counterLow, x1 = (uint)(counterLow >> 32), x2 = (uint)counterHigh, x3 = (uint)(counterHigh >> 32);
        uint k0 = (uint)key, k1 = (uint)(key >> 32);
        for (int round = 0; round < Rounds; round++)
        {
            ulong p0 = (ulong)Multiplier0 * x0;
            ulong p1 = (ulong)Multiplier1 * x2;
            (x0, x1, x2, x3) = ((uint)(p1 >> 32) ^ x1 ^ k0, (uint)p1, (uint)(p0 >> 32) ^ x3 ^ k1, (uint)p0);
            k0 += Weyl0;
            k1 += Weyl1;
        }

        return (x0, x1, x2, x3);
    }

    /// <summary>Word number <paramref name="index"/> of the stream of a key: word index mod 4 of counter index/4.</summary>
    public static uint Word(ulong key, ulong index)
    {
        (uint w0, uint w1, uint w2, uint w3) = Generate(key, 0, index / 4);
        return (index % 4) switch { 0 => w0, 1 => w1, 2 => w2, _ => w3 };
    }

    /// <summary>A float in [0, 1): the upper 24 bits times 2⁻²⁴, so every value is exact and 1 never comes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Uniform(uint word) => (word >> 8) * (1f / (1 << 24));
}
