using System.Globalization;
using System.Runtime.CompilerServices;

namespace MergeEngine.Tensors.Numerics;

/// <summary>
/// The upper 16 bits of a binary32 number: 1 sign, 8 exponent and 7 fraction bits. Conversion from float rounds to nearest, ties to
/// even; NaN stays NaN, is made quiet and keeps the upper bits of its payload. Replaced by the runtime's own type on .NET 11.
/// </summary>
public readonly struct BFloat16 : IEquatable<BFloat16>, IComparable<BFloat16>, IComparable
{
    private readonly ushort _bits;

    private BFloat16(ushort bits) => _bits = bits;

    public static BFloat16 Zero => default;
    public static BFloat16 One => new(0x3F80);

    /// <summary>The distance from 1 to the next larger value, 2⁻⁷.</summary>
    public static BFloat16 MachineEpsilon => new(0x3C00);

    /// <summary>The smallest positive subnormal value, 2⁻¹³³.</summary>
    public static BFloat16 Epsilon => new(0x0001);
    public static BFloat16 MaxValue => new(0x7F7F);
    public static BFloat16 MinValue => new(0xFF7F);
    public static BFloat16 PositiveInfinity => new(0x7F80);
    public static BFloat16 NegativeInfinity => new(0xFF80);
    public static BFloat16 NaN => new(0xFFC0);

    /// <summary>The value with exactly these bits.</summary>
    public static BFloat16 FromBits(ushort bits) => new(bits);

    /// <summary>The bits as a file stores them.</summary>
    public ushort ToBits() => _bits;

    public static bool IsNaN(BFloat16 value) => (value._bits & 0x7FFF) > 0x7F80;
    public static bool IsInfinity(BFloat16 value) => (value._bits & 0x7FFF) == 0x7F80;
    public static bool IsFinite(BFloat16 value) => (value._bits & 0x7FFF) < 0x7F80;
    public static bool IsNegative(BFloat16 value) => (value._bits & 0x8000) != 0;

    /// <summary>Rounds to nearest, ties to even. Overflow goes to infinity; NaN is made quiet.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static explicit operator BFloat16(float value)
    {
        uint u = BitConverter.SingleToUInt32Bits(value);
        if ((u & 0x7FFF_FFFF) > 0x7F80_0000) return new BFloat16((ushort)((u >> 16) | 0x0040));

        // Adding just under half a step, plus one when the kept part is odd, carries exactly when rounding goes up.
        return new BFloat16((ushort)((u + 0x7FFF + ((u >> 16) & 1)) >> 16));
    }

    /// <summary>Exact: every value is a binary32 number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static implicit operator float(BFloat16 value) => BitConverter.UInt32BitsToSingle((uint)value._bits << 16);

    public static BFloat16 FromSingle(float value) => (BFloat16)value;

    public float ToSingle() => this;

    // IEEE 754 comparison: NaN is unordered and unequal to everything, -0 equals +0.
    public static bool operator ==(BFloat16 left, BFloat16 right) => (float)left == (float)right;
    public static bool operator !=(BFloat16 left, BFloat16 right) => (float)left != (float)right;
    public static bool operator <(BFloat16 left, BFloat16 right) => (float)left < (float)right;
    public static bool operator >(BFloat16 left, BFloat16 right) => (float)left > (float)right;
    public static bool operator <=(BFloat16 left, BFloat16 right) => (float)left <= (float)right;
    public static bool operator >=(BFloat16 left, BFloat16 right) => (float)left >= (float)right;

    /// <summary>As <see cref="float.Equals(float)"/>: NaN equals NaN, so that values can be keys.</summary>
    public bool Equals(BFloat16 other) => ((float)this).Equals(other);

    public override bool Equals(object? obj) => obj is BFloat16 other && Equals(other);

    public override int GetHashCode() => ((float)this).GetHashCode();

    /// <summary>As <see cref="float.CompareTo(float)"/>: NaN sorts first.</summary>
    public int CompareTo(BFloat16 other) => ((float)this).CompareTo(other);

    public int CompareTo(object? obj) => obj switch
    {
        null => 1,
        BFloat16 other => CompareTo(other),
        _ => throw new ArgumentException($"Cannot compare BFloat16 with {obj.GetType()}.", nameof(obj)),
    };

    public override string ToString() => ((float)this).ToString(CultureInfo.InvariantCulture);
}
