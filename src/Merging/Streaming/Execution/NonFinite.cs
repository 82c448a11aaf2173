using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>Values that are NaN or infinite, found by their exponent: all its bits are set.</summary>
internal static class NonFinite
{
    private const int Exponent = 0x7F800000;

    /// <summary>Counts them among float32 values.</summary>
    public static long Count(ReadOnlySpan<float> values)
    {
        ReadOnlySpan<int> bits = MemoryMarshal.Cast<float, int>(values);
        // Nearly every tensor has none, and the largest magnitude says so at the rate of the cache.
        if (LargestMagnitude(bits) < Exponent) return 0;
        long count = 0;
        foreach (int value in bits) count += (value & Exponent) == Exponent ? 1 : 0;
        return count;
    }

    /// <summary>Counts them among float64 values.</summary>
    public static long Count(ReadOnlySpan<double> values)
    {
        long count = 0;
        foreach (double value in values) count += double.IsFinite(value) ? 0 : 1;
        return count;
    }

    /// <summary>Counts them in a tensor's bytes; none in a type without them.</summary>
    public static long Count(ReadOnlySpan<byte> bytes, DType type) => type switch
    {
        DType.F64 => Count(MemoryMarshal.Cast<byte, double>(bytes)),
        DType.F32 => Count(MemoryMarshal.Cast<byte, float>(bytes)),
        DType.F16 => CountHalves(bytes, 0x7C00),
        DType.BF16 => CountHalves(bytes, 0x7F80),
        _ => 0,
    };

    /// <summary>The largest pattern of bits without the sign, which orders magnitudes as the numbers do.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static T LargestMagnitude<T>(ReadOnlySpan<T> bits)
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        Vector512<T> magnitude = Vector512.Create(T.MaxValue), a = default, b = default, c = default, d = default;
        int width = Vector512<T>.Count, i = 0;
        ref T first = ref MemoryMarshal.GetReference(bits);
        for (; i <= bits.Length - (4 * width); i += 4 * width)
        {
            a = Vector512.Max(a, Vector512.LoadUnsafe(ref first, (nuint)i) & magnitude);
            b = Vector512.Max(b, Vector512.LoadUnsafe(ref first, (nuint)(i + width)) & magnitude);
            c = Vector512.Max(c, Vector512.LoadUnsafe(ref first, (nuint)(i + (2 * width))) & magnitude);
            d = Vector512.Max(d, Vector512.LoadUnsafe(ref first, (nuint)(i + (3 * width))) & magnitude);
        }

        a = Vector512.Max(Vector512.Max(a, b), Vector512.Max(c, d));
        T largest = default;
        for (int lane = 0; lane < width; lane++) largest = T.Max(largest, a[lane]);
        for (; i < bits.Length; i++) largest = T.Max(largest, bits[i] & T.MaxValue);
        return largest;
    }

    private static long CountHalves(ReadOnlySpan<byte> bytes, short exponent)
    {
        ReadOnlySpan<short> bits = MemoryMarshal.Cast<byte, short>(bytes);
        if (LargestMagnitude(bits) < exponent) return 0;
        long count = 0;
        foreach (short value in bits) count += (value & exponent) == exponent ? 1 : 0;
        return count;
    }
}
