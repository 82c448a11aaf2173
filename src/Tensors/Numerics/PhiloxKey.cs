using System.Text;

namespace MergeEngine.Tensors.Numerics;

/// <summary>
/// Keys for <see cref="Philox"/> from a seed and a name, so that every tensor has its own stream whatever order tensors are visited in.
/// The mapping is part of the file format of reproducible results and never changes.
/// </summary>
public static class PhiloxKey
{
    /// <summary>
    /// splitmix64(splitmix64(seed) xor FNV-1a-64(UTF-8 of name)). FNV-1a reads the name, and splitmix64 (Steele, Lea and Flood, OOPSLA'14),
    /// a bijection with full avalanche, keeps near seeds and near names apart.
    /// </summary>
    public static ulong From(ulong seed, string name) => SplitMix64(SplitMix64(seed) ^ Fnv1A64(name));

    private static ulong Fnv1A64(string name)
    {
        ulong hash = 0xCBF29CE484222325;
        foreach (byte b in Encoding.UTF8.GetBytes(name)) hash = (hash ^ b) * 0x100000001B3;
        return hash;
    }

    private static ulong SplitMix64(ulong z)
    {
        z += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
