using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace MergeEngine.Tensors.Numerics;

/// <summary>
/// Spans of F16 to F32 and back. .NET has no intrinsic for the processor's own conversions, so the bits are moved as whole numbers: an exponent's bias is added, numbers too small for one
/// are scaled, and rounding is what an addition does.
/// </summary>
/// <remarks>The loops are compiled in full at their first call: a merge of files would be over before the compiler came back to them.</remarks>
public static class HalfConversion
{
    /// <summary>What the exponent's biases differ by, in float32.</summary>
    private const uint Rebias = (127u - 15) << 23;

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
                (Vector512<uint> low, Vector512<uint> high) = Vector512.Widen(Vector512.LoadUnsafe(ref from, (nuint)i));
                Widen(low).StoreUnsafe(ref to, (nuint)i);
                Widen(high).StoreUnsafe(ref to, (nuint)i + 16);
            }
        }

        if (Vector128.IsHardwareAccelerated)
        {
            for (; i <= source.Length - 8; i += 8)
            {
                (Vector128<uint> low, Vector128<uint> high) = Vector128.Widen(Vector128.LoadUnsafe(ref from, (nuint)i));
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Widen(Vector512<uint> half)
    {
        Vector512<uint> magnitude = half & Vector512.Create(0x7FFFu), sign = (half & Vector512.Create(0x8000u)) << 16, moved = magnitude << 13;
        Vector512<uint> normal = moved + Vector512.Create(Rebias);
        Vector512<uint> special = (moved + Vector512.Create(2 * Rebias)) | (Vector512.GreaterThan(magnitude, Vector512.Create(0x7C00u)) & Vector512.Create(0x0040_0000u));
        Vector512<uint> small = (Vector512.ConvertToSingle(magnitude.AsInt32()) * Vector512.Create(1f / (1 << 24))).AsUInt32();
        normal = Vector512.ConditionalSelect(Vector512.LessThan(magnitude, Vector512.Create(0x0400u)), small, normal);
        return (Vector512.ConditionalSelect(Vector512.LessThan(magnitude, Vector512.Create(0x7C00u)), normal, special) | sign).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Widen(Vector128<uint> half)
    {
        Vector128<uint> magnitude = half & Vector128.Create(0x7FFFu), sign = (half & Vector128.Create(0x8000u)) << 16, moved = magnitude << 13;
        Vector128<uint> normal = moved + Vector128.Create(Rebias);
        Vector128<uint> special = (moved + Vector128.Create(2 * Rebias)) | (Vector128.GreaterThan(magnitude, Vector128.Create(0x7C00u)) & Vector128.Create(0x0040_0000u));
        Vector128<uint> small = (Vector128.ConvertToSingle(magnitude.AsInt32()) * Vector128.Create(1f / (1 << 24))).AsUInt32();
        normal = Vector128.ConditionalSelect(Vector128.LessThan(magnitude, Vector128.Create(0x0400u)), small, normal);
        return (Vector128.ConditionalSelect(Vector128.LessThan(magnitude, Vector128.Create(0x7C00u)), normal, special) | sign).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Narrow(Vector512<float> single)
    {
        Vector512<uint> bits = single.AsUInt32(), magnitude = bits & Vector512.Create(0x7FFF_FFFFu), sign = (bits >> 16) & Vector512.Create(0x8000u);
        // Half a unit of the last place that stays, less one where that place is even.
        Vector512<uint> normal = (magnitude - Vector512.Create(Rebias) + Vector512.Create(0x0FFFu) + ((magnitude >> 13) & Vector512<uint>.One)) >> 13;
        // The last place of a sum with 0.5 is that of the smallest F16 number.
        Vector512<uint> small = (magnitude.AsSingle() + Vector512.Create(0.5f)).AsUInt32() - Vector512.Create(0x3F00_0000u);
        Vector512<uint> special = Vector512.ConditionalSelect(
            Vector512.GreaterThan(magnitude, Vector512.Create(0x7F80_0000u)), Vector512.Create(0x7E00u) | ((magnitude >> 13) & Vector512.Create(0x03FFu)), Vector512.Create(0x7C00u));
        normal = Vector512.ConditionalSelect(Vector512.LessThan(magnitude, Vector512.Create(SmallestNormal)), small, normal);
        return Vector512.ConditionalSelect(Vector512.LessThan(magnitude, Vector512.Create(TooLarge)), normal, special) | sign;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> Narrow(Vector128<float> single)
    {
        Vector128<uint> bits = single.AsUInt32(), magnitude = bits & Vector128.Create(0x7FFF_FFFFu), sign = (bits >> 16) & Vector128.Create(0x8000u);
        Vector128<uint> normal = (magnitude - Vector128.Create(Rebias) + Vector128.Create(0x0FFFu) + ((magnitude >> 13) & Vector128<uint>.One)) >> 13;
        Vector128<uint> small = (magnitude.AsSingle() + Vector128.Create(0.5f)).AsUInt32() - Vector128.Create(0x3F00_0000u);
        Vector128<uint> special = Vector128.ConditionalSelect(
            Vector128.GreaterThan(magnitude, Vector128.Create(0x7F80_0000u)), Vector128.Create(0x7E00u) | ((magnitude >> 13) & Vector128.Create(0x03FFu)), Vector128.Create(0x7C00u));
        normal = Vector128.ConditionalSelect(Vector128.LessThan(magnitude, Vector128.Create(SmallestNormal)), small, normal);
        return Vector128.ConditionalSelect(Vector128.LessThan(magnitude, Vector128.Create(TooLarge)), normal, special) | sign;
    }
}
