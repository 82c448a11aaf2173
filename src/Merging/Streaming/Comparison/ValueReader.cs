using System.Buffers.Binary;
using System.Runtime.InteropServices;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Merging.Streaming.Comparison;

/// <summary>Stored elements as numbers without rounding.</summary>
internal static class ValueReader
{
    /// <summary>True for types whose elements are whole numbers of at most 64 bits.</summary>
    public static bool IsWhole(DType type) => type.IsInteger();

    /// <summary>F32, F16, BF16 or F64 as float64; exact.</summary>
    /// <param name="type">The stored type.</param>
    /// <param name="bytes">The elements.</param>
    /// <param name="scratch">Room for as many floats.</param>
    /// <param name="values">The result.</param>
    public static void ToDouble(DType type, ReadOnlySpan<byte> bytes, Span<float> scratch, Span<double> values)
    {
        if (type == DType.F64)
        {
            bytes.CopyTo(MemoryMarshal.AsBytes(values));
            return;
        }

        Conversion.ToSingle(type, bytes, scratch[..values.Length]);
        DoubleConversion.FromSingle(scratch[..values.Length], values);
    }

    /// <summary>One element of an integer type.</summary>
    public static Int128 Whole(DType type, ReadOnlySpan<byte> element) => type switch
    {
        DType.U8 => element[0],
        DType.I8 => (sbyte)element[0],
        DType.I16 => BinaryPrimitives.ReadInt16LittleEndian(element),
        DType.U16 => BinaryPrimitives.ReadUInt16LittleEndian(element),
        DType.I32 => BinaryPrimitives.ReadInt32LittleEndian(element),
        DType.U32 => BinaryPrimitives.ReadUInt32LittleEndian(element),
        DType.I64 => BinaryPrimitives.ReadInt64LittleEndian(element),
        DType.U64 => BinaryPrimitives.ReadUInt64LittleEndian(element),
        _ => throw new ArgumentException($"{type.Name()} is no integer type.", nameof(type)),
    };
}
