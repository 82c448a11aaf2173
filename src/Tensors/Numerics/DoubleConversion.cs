using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace MergeEngine.Tensors.Numerics;

/// <summary>Spans of F64 to F32 and back.</summary>
public static class DoubleConversion
{
    /// <summary>Rounds each element to nearest, ties to even; what is too large becomes infinity.</summary>
    /// <exception cref="ArgumentException">The destination is shorter than the source.</exception>
    public static void ToSingle(ReadOnlySpan<double> source, Span<float> destination)
    {
        Conversion.RequireRoom(source.Length, destination.Length);
        ref double from = ref MemoryMarshal.GetReference(source);
        ref float to = ref MemoryMarshal.GetReference(destination);
        int i = 0;
        if (Vector256.IsHardwareAccelerated)
        {
            for (; i + 8 <= source.Length; i += 8)
            {
                var low = Vector256.LoadUnsafe(ref from, (nuint)i);
                var high = Vector256.LoadUnsafe(ref from, (nuint)i + 4);
                Vector256.Narrow(low, high).StoreUnsafe(ref to, (nuint)i);
            }
        }

        for (; i < source.Length; i++) destination[i] = (float)source[i];
    }

    /// <summary>Widens each element; exact.</summary>
    /// <exception cref="ArgumentException">The destination is shorter than the source.</exception>
    public static void FromSingle(ReadOnlySpan<float> source, Span<double> destination)
    {
        Conversion.RequireRoom(source.Length, destination.Length);
        ref float from = ref MemoryMarshal.GetReference(source);
        ref double to = ref MemoryMarshal.GetReference(destination);
        int i = 0;
        if (Vector256.IsHardwareAccelerated)
        {
            for (; i + 8 <= source.Length; i += 8)
            {
                var (low, high) = Vector256.Widen(Vector256.LoadUnsafe(ref from, (nuint)i));
                low.StoreUnsafe(ref to, (nuint)i);
                high.StoreUnsafe(ref to, (nuint)i + 4);
            }
        }

        for (; i < source.Length; i++) destination[i] = source[i];
    }
}
