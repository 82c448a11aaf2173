using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Numerics;

/// <summary>Spans of integers to F32 and to 32-bit integers.</summary>
public static class IntegerConversion
{
    /// <summary>Rounds each integer to the nearest float, ties to even; exact up to 24 bits.</summary>
    /// <exception cref="ArgumentException">The destination is shorter than the source.</exception>
    public static void ToSingle<T>(ReadOnlySpan<T> source, Span<float> destination)
        where T : unmanaged, IBinaryInteger<T>
    {
        Conversion.RequireRoom(source.Length, destination.Length);
        for (int i = 0; i < source.Length; i++) destination[i] = float.CreateTruncating(source[i]);
    }

    /// <summary>Converts the bytes of an integer or BOOL tensor (any byte but 0 is 1) to 32-bit integers.</summary>
    /// <returns>-1, or the index of the first element that does not fit; the elements before it are converted.</returns>
    /// <exception cref="ArgumentException">Not an integer dtype, or a number of bytes that does not fit the destination.</exception>
    public static int ToInt32(DType dtype, ReadOnlySpan<byte> source, Span<int> destination)
    {
        Conversion.RequireBytes(dtype, source.Length, destination.Length);
        switch (dtype)
        {
            case DType.Bool:
                for (int i = 0; i < destination.Length; i++) destination[i] = source[i] == 0 ? 0 : 1;
                return -1;
            case DType.I32:
                source.CopyTo(MemoryMarshal.AsBytes(destination));
                return -1;
            case DType.U8: return Narrow(source, destination);
            case DType.I8: return Narrow(MemoryMarshal.Cast<byte, sbyte>(source), destination);
            case DType.I16: return Narrow(MemoryMarshal.Cast<byte, short>(source), destination);
            case DType.U16: return Narrow(MemoryMarshal.Cast<byte, ushort>(source), destination);
            case DType.U32: return Narrow(MemoryMarshal.Cast<byte, uint>(source), destination);
            case DType.I64: return Narrow(MemoryMarshal.Cast<byte, long>(source), destination);
            case DType.U64: return Narrow(MemoryMarshal.Cast<byte, ulong>(source), destination);
            default: throw new ArgumentException($"{dtype.Name()} is not an integer type.", nameof(dtype));
        }
    }

    /// <summary>One integer element as text, for messages.</summary>
    internal static string Format(DType dtype, ReadOnlySpan<byte> element) => dtype switch
    {
        DType.U32 => MemoryMarshal.Read<uint>(element).ToString(CultureInfo.InvariantCulture),
        DType.I64 => MemoryMarshal.Read<long>(element).ToString(CultureInfo.InvariantCulture),
        DType.U64 => MemoryMarshal.Read<ulong>(element).ToString(CultureInfo.InvariantCulture),
        _ => throw new ArgumentException($"{dtype.Name()} always fits 32 bits.", nameof(dtype)),
    };

    private static int Narrow<T>(ReadOnlySpan<T> source, Span<int> destination)
        where T : unmanaged, IBinaryInteger<T>
    {
        for (int i = 0; i < source.Length; i++)
        {
            int value = int.CreateTruncating(source[i]);
            // The comparison is false both for lost high bits and for an unsigned value that turned negative.
            if (T.CreateTruncating(value) != source[i] || (T.IsNegative(source[i]) != (value < 0))) return i;
            destination[i] = value;
        }

        return -1;
    }
}
