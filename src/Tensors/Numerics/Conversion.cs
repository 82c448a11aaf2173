using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Numerics;

/// <summary>
/// The bytes of a tensor of any arithmetic dtype to F32 and back; one file a dtype holds the loops. Storing rounds to nearest, ties to
/// even. The byte spans may start at any address; lengths are exact.
/// </summary>
public static class Conversion
{
    /// <summary>Converts F32, F16, BF16 or F64 bytes to float.</summary>
    /// <exception cref="ArgumentException">Another dtype, or a number of bytes that does not fit the destination.</exception>
    public static void ToSingle(DType dtype, ReadOnlySpan<byte> source, Span<float> destination)
    {
        RequireBytes(dtype, source.Length, destination.Length);
        switch (dtype)
        {
            case DType.F32: source.CopyTo(MemoryMarshal.AsBytes(destination)); break;
            case DType.F16: HalfConversion.ToSingle(MemoryMarshal.Cast<byte, Half>(source), destination); break;
            case DType.BF16: BFloat16Conversion.ToSingle(MemoryMarshal.Cast<byte, BFloat16>(source), destination); break;
            case DType.F64: DoubleConversion.ToSingle(MemoryMarshal.Cast<byte, double>(source), destination); break;
            default: throw NotArithmetic(dtype);
        }
    }

    /// <summary>Converts float to F32, F16, BF16 or F64 bytes.</summary>
    /// <exception cref="ArgumentException">Another dtype, or a number of bytes that does not fit the source.</exception>
    public static void FromSingle(ReadOnlySpan<float> source, DType dtype, Span<byte> destination)
    {
        RequireBytes(dtype, destination.Length, source.Length);
        switch (dtype)
        {
            case DType.F32: MemoryMarshal.AsBytes(source).CopyTo(destination); break;
            case DType.F16: HalfConversion.FromSingle(source, MemoryMarshal.Cast<byte, Half>(destination)); break;
            case DType.BF16: BFloat16Conversion.FromSingle(source, MemoryMarshal.Cast<byte, BFloat16>(destination)); break;
            case DType.F64: DoubleConversion.FromSingle(source, MemoryMarshal.Cast<byte, double>(destination)); break;
            default: throw NotArithmetic(dtype);
        }
    }

    internal static void RequireRoom(int source, int destination)
    {
        if (destination < source)
            throw new ArgumentException($"The destination has room for {destination} elements, expected at least {source}.", nameof(destination));
    }

    internal static void RequireBytes(DType dtype, long bytes, long elements)
    {
        if (bytes * 8 != elements * dtype.Bits())
            throw new ArgumentException($"{bytes} bytes were given for {elements} elements of {dtype.Name()}.", nameof(bytes));
    }

    private static ArgumentException NotArithmetic(DType dtype) =>
        new($"{dtype.Name()} cannot be computed with, expected F32, F16, BF16 or F64.", nameof(dtype));
}
