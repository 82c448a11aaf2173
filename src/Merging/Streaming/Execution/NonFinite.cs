using System.Numerics;
using System.Runtime.InteropServices;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>Values that are NaN or infinite, found by their exponent: all its bits are set.</summary>
internal static class NonFinite
{
    /// <summary>Counts them among float32 values.</summary>
    public static long Count(ReadOnlySpan<float> values)
    {
        const uint Exponent = 0x7F800000;
        ReadOnlySpan<uint> bits = MemoryMarshal.Cast<float, uint>(values);
        long count = 0;
        while (bits.Length >= Vector<uint>.Count)
        {
            // Lanes count below their own range.
            int block = Math.Min(bits.Length, 1 << 20) / Vector<uint>.Count * Vector<uint>.Count;
            Vector<uint> found = Vector<uint>.Zero, exponent = new(Exponent);
            for (int i = 0; i < block; i += Vector<uint>.Count) found -= Vector.Equals(new Vector<uint>(bits[i..]) & exponent, exponent);
            count += Vector.Sum(found);
            bits = bits[block..];
        }

        foreach (uint value in bits) count += (value & Exponent) == Exponent ? 1 : 0;
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

    private static long CountHalves(ReadOnlySpan<byte> bytes, ushort exponent)
    {
        long count = 0;
        foreach (ushort value in MemoryMarshal.Cast<byte, ushort>(bytes)) count += (value & exponent) == exponent ? 1 : 0;
        return count;
    }
}
