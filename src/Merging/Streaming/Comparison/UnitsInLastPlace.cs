using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Merging.Streaming.Comparison;

/// <summary>
/// How many representable numbers lie from one value to another: the difference of their places in the order of all numbers of a type. +0 and −0
/// have one place; infinity is the place after the largest number.
/// </summary>
internal static class UnitsInLastPlace
{
    /// <summary>Of two arithmetic types the one with the shorter significand: what can be asked of a comparison.</summary>
    public static DType Coarser(DType first, DType second) => SignificandBits(first) <= SignificandBits(second) ? first : second;

    /// <summary>The largest distance of two values, both rounded to a type, to nearest even; pairs with a NaN are left out.</summary>
    public static ulong Largest(DType type, ReadOnlySpan<double> first, ReadOnlySpan<double> second)
    {
        ulong largest = 0;
        for (int i = 0; i < first.Length; i++)
        {
            double x = first[i], y = second[i];
            if (x == y || double.IsNaN(x) || double.IsNaN(y)) continue;
            Int128 distance = (Int128)PlaceOf(type, x) - PlaceOf(type, y);
            largest = Math.Max(largest, (ulong)Int128.Abs(distance));
        }

        return largest;
    }

    private static int SignificandBits(DType type) => type switch
    {
        DType.BF16 => 8,
        DType.F16 => 11,
        DType.F32 => 24,
        _ => 53,
    };

    private static long PlaceOf(DType type, double value) => type switch
    {
        DType.BF16 => Ordered(ToBFloat16(value).ToBits(), 0x8000),
        DType.F16 => Ordered(BitConverter.HalfToUInt16Bits((Half)value), 0x8000),
        DType.F32 => Ordered(BitConverter.SingleToUInt32Bits((float)value), 0x8000_0000),
        _ => BitConverter.DoubleToInt64Bits(value) is >= 0 and var bits ? bits : -(BitConverter.DoubleToInt64Bits(value) & long.MaxValue),
    };

    /// <summary>Sign and magnitude to a number that grows with the value.</summary>
    private static long Ordered(uint bits, uint sign) => (bits & sign) == 0 ? bits : -(long)(bits & (sign - 1));

    /// <summary>
    /// Rounded once: through float32 rounded to odd, which keeps the last bit of doubt (Boldo and Melquiond, "Emulation of a FMA and correctly
    /// rounded sums", IEEE Trans. Computers 57, 2008).
    /// </summary>
    private static BFloat16 ToBFloat16(double value)
    {
        float rounded = (float)value;
        if (rounded == value) return (BFloat16)rounded;
        uint bits = BitConverter.SingleToUInt32Bits(rounded);
        if (Math.Abs((double)rounded) > Math.Abs(value)) bits--;
        return (BFloat16)BitConverter.UInt32BitsToSingle(bits | 1);
    }
}
