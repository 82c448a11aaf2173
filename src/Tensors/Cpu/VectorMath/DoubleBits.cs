namespace MergeEngine.Tensors.Cpu.VectorMath;

/// <summary>Where the parts of a float64 number stand.</summary>
internal static class DoubleBits
{
    public const int MantissaBits = 52;

    public const ulong Mantissa = (1ul << MantissaBits) - 1;

    public const long Bias = 1023;

    /// <summary>1.5·2⁵²: added to a number it rounds that to the nearest integer, which it leaves in the low bits.</summary>
    public const double ToLowBits = 6755399441055744;

    /// <summary>The bits of √½.</summary>
    public const ulong RootOfHalf = 0x3fe6a09e667f3bcd;

    /// <summary>Makes an exponent's difference to another positive.</summary>
    public const ulong ExponentOffset = 1024ul << MantissaBits;

    /// <summary>The bits of 2⁵², whose low bits take a whole number.</summary>
    public const ulong WholeNumber = 0x433ul << MantissaBits;

    /// <summary>2⁵² and what <see cref="ExponentOffset"/> adds.</summary>
    public const double OfOffset = 4503599627370496 + 1024;
}
