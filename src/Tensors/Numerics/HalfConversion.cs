using System.Numerics.Tensors;

namespace MergeEngine.Tensors.Numerics;

/// <summary>Spans of F16 to F32 and back.</summary>
public static class HalfConversion
{
    /// <summary>Widens each element; exact, NaN included.</summary>
    /// <exception cref="ArgumentException">The destination is shorter than the source.</exception>
    public static void ToSingle(ReadOnlySpan<Half> source, Span<float> destination)
    {
        Conversion.RequireRoom(source.Length, destination.Length);
        TensorPrimitives.ConvertToSingle(source, destination);
    }

    /// <summary>Rounds each element to nearest, ties to even. What is at least 65520 in magnitude becomes infinity.</summary>
    /// <exception cref="ArgumentException">The destination is shorter than the source.</exception>
    public static void FromSingle(ReadOnlySpan<float> source, Span<Half> destination)
    {
        Conversion.RequireRoom(source.Length, destination.Length);
        TensorPrimitives.ConvertToHalf(source, destination);
    }
}
