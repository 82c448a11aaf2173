using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace MergeEngine.Tensors.Numerics;

/// <summary>
/// Spans of BF16 to F32 and back, in the widest vectors of the machine. The arithmetic is integer only, so every width gives the bits of
/// <see cref="BFloat16"/>'s own conversion.
/// </summary>
public static class BFloat16Conversion
{
    /// <summary>Widens each element; exact.</summary>
    /// <exception cref="ArgumentException">The destination is shorter than the source.</exception>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ToSingle(ReadOnlySpan<BFloat16> source, Span<float> destination)
    {
        Conversion.RequireRoom(source.Length, destination.Length);
        ref ushort from = ref Unsafe.As<BFloat16, ushort>(ref MemoryMarshal.GetReference(source));
        ref uint to = ref Unsafe.As<float, uint>(ref MemoryMarshal.GetReference(destination));
        nuint i = 0, n = (nuint)source.Length;
        if (Vector512.IsHardwareAccelerated)
        {
            for (; i + 32 <= n; i += 32)
            {
                var (low, high) = Vector512.Widen(Vector512.LoadUnsafe(ref from, i));
                (low << 16).StoreUnsafe(ref to, i);
                (high << 16).StoreUnsafe(ref to, i + 16);
            }
        }

        if (Vector256.IsHardwareAccelerated)
        {
            for (; i + 16 <= n; i += 16)
            {
                var (low, high) = Vector256.Widen(Vector256.LoadUnsafe(ref from, i));
                (low << 16).StoreUnsafe(ref to, i);
                (high << 16).StoreUnsafe(ref to, i + 8);
            }
        }

        if (Vector128.IsHardwareAccelerated)
        {
            for (; i + 8 <= n; i += 8)
            {
                var (low, high) = Vector128.Widen(Vector128.LoadUnsafe(ref from, i));
                (low << 16).StoreUnsafe(ref to, i);
                (high << 16).StoreUnsafe(ref to, i + 4);
            }
        }

        for (; i < n; i++) Unsafe.Add(ref to, i) = (uint)Unsafe.Add(ref from, i) << 16;
    }

    /// <summary>Rounds each element to nearest, ties to even; NaN is made quiet.</summary>
    /// <exception cref="ArgumentException">The destination is shorter than the source.</exception>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FromSingle(ReadOnlySpan<float> source, Span<BFloat16> destination)
    {
        Conversion.RequireRoom(source.Length, destination.Length);
        ref uint from = ref Unsafe.As<float, uint>(ref MemoryMarshal.GetReference(source));
        ref ushort to = ref Unsafe.As<BFloat16, ushort>(ref MemoryMarshal.GetReference(destination));
        nuint i = 0, n = (nuint)source.Length;
        if (Vector512.IsHardwareAccelerated)
        {
            for (; i + 32 <= n; i += 32)
                Vector512.Narrow(Round(Vector512.LoadUnsafe(ref from, i)), Round(Vector512.LoadUnsafe(ref from, i + 16))).StoreUnsafe(ref to, i);
        }

        if (Vector256.IsHardwareAccelerated)
        {
            for (; i + 16 <= n; i += 16)
                Vector256.Narrow(Round(Vector256.LoadUnsafe(ref from, i)), Round(Vector256.LoadUnsafe(ref from, i + 8))).StoreUnsafe(ref to, i);
        }

        if (Vector128.IsHardwareAccelerated)
        {
            for (; i + 8 <= n; i += 8)
                Vector128.Narrow(Round(Vector128.LoadUnsafe(ref from, i)), Round(Vector128.LoadUnsafe(ref from, i + 4))).StoreUnsafe(ref to, i);
        }

        for (; i < n; i++) Unsafe.Add(ref to, i) = ((BFloat16)BitConverter.UInt32BitsToSingle(Unsafe.Add(ref from, i))).ToBits();
    }

    // In every width: add half a step less one, plus the kept part's last bit; a NaN skips the addition and gets its quiet bit.
    private static Vector512<uint> Round(Vector512<uint> bits)
    {
        var kept = bits >>> 16;
        var rounded = (bits + Vector512.Create(0x7FFFu) + (kept & Vector512<uint>.One)) >>> 16;
        var isNaN = Vector512.GreaterThan(bits & Vector512.Create(0x7FFF_FFFFu), Vector512.Create(0x7F80_0000u));
        return Vector512.ConditionalSelect(isNaN, kept | Vector512.Create(0x0040u), rounded);
    }

    private static Vector256<uint> Round(Vector256<uint> bits)
    {
        var kept = bits >>> 16;
        var rounded = (bits + Vector256.Create(0x7FFFu) + (kept & Vector256<uint>.One)) >>> 16;
        var isNaN = Vector256.GreaterThan(bits & Vector256.Create(0x7FFF_FFFFu), Vector256.Create(0x7F80_0000u));
        return Vector256.ConditionalSelect(isNaN, kept | Vector256.Create(0x0040u), rounded);
    }

    private static Vector128<uint> Round(Vector128<uint> bits)
    {
        var kept = bits >>> 16;
        var rounded = (bits + Vector128.Create(0x7FFFu) + (kept & Vector128<uint>.One)) >>> 16;
        var isNaN = Vector128.GreaterThan(bits & Vector128.Create(0x7FFF_FFFFu), Vector128.Create(0x7F80_0000u));
        return Vector128.ConditionalSelect(isNaN, kept | Vector128.Create(0x0040u), rounded);
    }
}
