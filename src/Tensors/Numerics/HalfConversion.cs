using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace MergeEngine.Tensors.Numerics;

/// <summary>
/// Spans of F16 to F32 and back. .NET has no intrinsic for the processor's own conversions, so the bits are moved as whole numbers: a multiplication by a power of two widens them, and rounding is what an
/// addition does.
/// </summary>
/// <remarks>The loops are compiled in full at their first call: a merge of files would be over before the compiler came back to them.</remarks>
public static class HalfConversion
{
    /// <summary>What the exponent's biases differ by, in float32.</summary>
    private const uint Rebias = (127u - 15) << 23;

    /// <summary>The exponent of infinity and NaN where an F16 number's bits stand at the place of a float32 number's.</summary>
    private const int SpecialExponent = 0x0F80_0000;

    /// <summary>2¹¹², what such bits are too small by as a float32 number; exact for F16 numbers that are too small for an exponent as well.</summary>
    private const float Unbias = 5.192296858534828e33f;

    /// <summary>Smallest normal F16 number, in float32.</summary>
    private const uint SmallestNormal = 0x3880_0000;

    /// <summary>2¹⁶, from which on every number is too large for F16, in float32.</summary>
    private const uint TooLarge = 0x4780_0000;

    /// <summary>Widens each element; exact, NaN included.</summary>
    /// <exception cref="ArgumentException">The destination is shorter than the source.</exception>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ToSingle(ReadOnlySpan<Half> source, Span<float> destination)
    {
        Conversion.RequireRoom(source.Length, destination.Length);
        ref ushort from = ref MemoryMarshal.GetReference(MemoryMarshal.Cast<Half, ushort>(source));
        ref float to = ref MemoryMarshal.GetReference(destination);
        int i = 0;
        if (Vector512.IsHardwareAccelerated)
        {
            for (; i <= source.Length - 32; i += 32)
            {
                (Vector512<int> low, Vector512<int> high) = Vector512.Widen(Vector512.LoadUnsafe(ref from, (nuint)i).AsInt16());
                Widen(low).StoreUnsafe(ref to, (nuint)i);
                Widen(high).StoreUnsafe(ref to, (nuint)i + 16);
            }
        }

        if (Vector128.IsHardwareAccelerated)
        {
            for (; i <= source.Length - 8; i += 8)
            {
                (Vector128<int> low, Vector128<int> high) = Vector128.Widen(Vector128.LoadUnsafe(ref from, (nuint)i).AsInt16());
                Widen(low).StoreUnsafe(ref to, (nuint)i);
                Widen(high).StoreUnsafe(ref to, (nuint)i + 4);
            }
        }

        for (; i < source.Length; i++) destination[i] = (float)source[i];
    }

    /// <summary>Rounds each element to nearest, ties to even. What is at least 65520 in magnitude becomes infinity.</summary>
    /// <exception cref="ArgumentException">The destination is shorter than the source.</exception>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FromSingle(ReadOnlySpan<float> source, Span<Half> destination)
    {
        Conversion.RequireRoom(source.Length, destination.Length);
        ref float from = ref MemoryMarshal.GetReference(source);
        ref ushort to = ref MemoryMarshal.GetReference(MemoryMarshal.Cast<Half, ushort>(destination));
        int i = 0;
        if (Vector512.IsHardwareAccelerated)
        {
            for (; i <= source.Length - 32; i += 32)
                Vector512.Narrow(Narrow(Vector512.LoadUnsafe(ref from, (nuint)i)), Narrow(Vector512.LoadUnsafe(ref from, (nuint)i + 16))).StoreUnsafe(ref to, (nuint)i);
        }

        if (Vector128.IsHardwareAccelerated)
        {
            for (; i <= source.Length - 8; i += 8)
                Vector128.Narrow(Narrow(Vector128.LoadUnsafe(ref from, (nuint)i)), Narrow(Vector128.LoadUnsafe(ref from, (nuint)i + 4))).StoreUnsafe(ref to, (nuint)i);
        }

        for (; i < source.Length; i++) destination[i] = (Half)source[i];
    }

    /// <summary>F16 numbers that were widened with their signs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Widen(Vector512<int> half)
    {
        Vector512<int> bits = (half << 13) & Vector512.Create(unchecked((int)0x8FFF_E000));
        Vector512<int> isSpecial = Vector512.Equals(bits & Vector512.Create(SpecialExponent), Vector512.Create(SpecialExponent));
        return (bits | (isSpecial & Vector512.Create(0x7F80_0000))).AsSingle() * Vector512.Create(Unbias);
    }

    /// <summary>F16 numbers that were widened with their signs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector256<float> Widen(Vector256<int> half)
    {
        Vector256<int> bits = (half << 13) & Vector256.Create(unchecked((int)0x8FFF_E000));
        Vector256<int> isSpecial = Vector256.Equals(bits & Vector256.Create(SpecialExponent), Vector256.Create(SpecialExponent));
        return (bits | (isSpecial & Vector256.Create(0x7F80_0000))).AsSingle() * Vector256.Create(Unbias);
    }

    /// <summary>F16 numbers that were widened with their signs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector128<float> Widen(Vector128<int> half)
    {
        Vector128<int> bits = (half << 13) & Vector128.Create(unchecked((int)0x8FFF_E000));
        Vector128<int> isSpecial = Vector128.Equals(bits & Vector128.Create(SpecialExponent), Vector128.Create(SpecialExponent));
        return (bits | (isSpecial & Vector128.Create(0x7F80_0000))).AsSingle() * Vector128.Create(Unbias);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Narrow(Vector512<float> single)
    {
        Vector512<uint> bits = single.AsUInt32(), magnitude = bits & Vector512.Create(0x7FFF_FFFFu), sign = (bits >> 16) & Vector512.Create(0x8000u);
        // Half a unit of the last place that stays, less one where that place is even.
        Vector512<uint> normal = (magnitude - Vector512.Create(Rebias) + Vector512.Create(0x0FFFu) + ((magnitude >> 13) & Vector512<uint>.One)) >> 13;
        // The last place of a sum with 0.5 is that of the smallest F16 number.
        Vector512<uint> small = (magnitude.AsSingle() + Vector512.Create(0.5f)).AsUInt32() - Vector512.Create(0x3F00_0000u);
        Vector512<uint> numbers = Vector512.ConditionalSelect(Vector512.LessThan(magnitude, Vector512.Create(SmallestNormal)), small, normal) | sign;
        return Vector512.LessThanAll(magnitude, Vector512.Create(TooLarge)) ? numbers : Special(numbers, magnitude, sign);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> Narrow(Vector128<float> single)
    {
        Vector128<uint> bits = single.AsUInt32(), magnitude = bits & Vector128.Create(0x7FFF_FFFFu), sign = (bits >> 16) & Vector128.Create(0x8000u);
        Vector128<uint> normal = (magnitude - Vector128.Create(Rebias) + Vector128.Create(0x0FFFu) + ((magnitude >> 13) & Vector128<uint>.One)) >> 13;
        Vector128<uint> small = (magnitude.AsSingle() + Vector128.Create(0.5f)).AsUInt32() - Vector128.Create(0x3F00_0000u);
        Vector128<uint> numbers = Vector128.ConditionalSelect(Vector128.LessThan(magnitude, Vector128.Create(SmallestNormal)), small, normal) | sign;
        return Vector128.LessThanAll(magnitude, Vector128.Create(TooLarge)) ? numbers : Special(numbers, magnitude, sign);
    }

    /// <summary>Infinity for what is too large, NaN with the highest bits of its payload.</summary>
    private static Vector512<uint> Special(Vector512<uint> numbers, Vector512<uint> magnitude, Vector512<uint> sign)
    {
        Vector512<uint> special = Vector512.ConditionalSelect(
            Vector512.GreaterThan(magnitude, Vector512.Create(0x7F80_0000u)), Vector512.Create(0x7E00u) | ((magnitude >> 13) & Vector512.Create(0x03FFu)), Vector512.Create(0x7C00u));
        return Vector512.ConditionalSelect(Vector512.LessThan(magnitude, Vector512.Create(TooLarge)), numbers, special | sign);
    }

    /// <summary>Infinity for what is too large, NaN with the highest bits of its payload.</summary>
    private static Vector128<uint> Special(Vector128<uint> numbers, Vector128<uint> magnitude, Vector128<uint> sign)
    {
        Vector128<uint> special = Vector128.ConditionalSelect(
            Vector128.GreaterThan(magnitude, Vector128.Create(0x7F80_0000u)), Vector128.Create(0x7E00u) | ((magnitude >> 13) & Vector128.Create(0x03FFu)), Vector128.Create(0x7C00u));
        return Vector128.ConditionalSelect(Vector128.LessThan(magnitude, Vector128.Create(TooLarge)), numbers, special | sign);
    }
}
