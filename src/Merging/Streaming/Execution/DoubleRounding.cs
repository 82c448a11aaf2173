using System.Runtime.InteropServices;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>Float64 to the types of files with one rounding, to nearest even.</summary>
internal static class DoubleRounding
{
    /// <param name="source">The values.</param>
    /// <param name="type">F32, F16, BF16 or F64.</param>
    /// <param name="destination">Their bytes; exactly as many as they take.</param>
    public static void Round(ReadOnlySpan<double> source, DType type, Span<byte> destination)
    {
        switch (type)
        {
            case DType.F64:
                MemoryMarshal.AsBytes(source).CopyTo(destination);
                break;
            case DType.F32:
                DoubleConversion.ToSingle(source, MemoryMarshal.Cast<byte, float>(destination));
                break;
            default:
                // By way of float32 rounded to odd, whose last bit says that something was cut off: then the second rounding is the only one, as float32
                // has two digits more than either type.
                const int Block = 1024;
                int size = type.Bits() / 8;
                Span<float> odd = stackalloc float[Block];
                for (int at = 0; at < source.Length; at += Block)
                {
                    ReadOnlySpan<double> block = source[at..Math.Min(at + Block, source.Length)];
                    for (int i = 0; i < block.Length; i++) odd[i] = ToOdd(block[i]);
                    Conversion.FromSingle(odd[..block.Length], type, destination.Slice(at * size, block.Length * size));
                }

                break;
        }
    }

    /// <summary>The neighbour in float32 whose last bit is 1, where the value itself is none.</summary>
    private static float ToOdd(double value)
    {
        float nearest = (float)value;
        if (double.IsNaN(value) || nearest == value) return nearest;
        if (float.IsInfinity(nearest)) return nearest;
        int bits = BitConverter.SingleToInt32Bits(nearest);
        if ((bits & 1) != 0) return nearest;

        // The other neighbour: away from zero if the value is larger than the nearest one in magnitude.
        bool larger = Math.Abs(value) > Math.Abs((double)nearest);
        if (nearest == 0) return BitConverter.Int32BitsToSingle(value < 0 ? int.MinValue + 1 : 1);
        return BitConverter.Int32BitsToSingle(larger ? bits + 1 : bits - 1);
    }
}
