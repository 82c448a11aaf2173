using System.Buffers;
using System.Runtime.InteropServices;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Tensors.Safetensors;

/// <content>Tensors as numbers of one type, converted in blocks that stay in a cache.</content>
public sealed unsafe partial class SafetensorsFile
{
    /// <summary>Converts stored elements from the <paramref name="firstElement"/>-th of a tensor on.</summary>
    private delegate void BlockConversion<T>(TensorEntry entry, long firstElement, ReadOnlySpan<byte> bytes, Span<T> values);

    /// <summary>A whole tensor as float, converted from F32, F16, BF16 or F64.</summary>
    /// <exception cref="SafetensorsException">No such tensor, another dtype, more elements than an array can hold, or the file became shorter.</exception>
    public float[] ReadFloat32(string name)
    {
        var entry = this[name];
        var values = GC.AllocateUninitializedArray<float>(ArrayLength(entry));
        ReadFloat32(entry, 0, values);
        return values;
    }

    /// <summary>A whole tensor as float into a span of exactly its length.</summary>
    /// <inheritdoc cref="ReadFloat32(string)" path="/exception"/>
    public void ReadFloat32(string name, Span<float> destination)
    {
        var entry = this[name];
        RequireLength(entry, destination.Length);
        ReadFloat32(entry, 0, destination);
    }

    /// <summary>Elements from <paramref name="firstElement"/> on as float, as many as the span holds.</summary>
    /// <inheritdoc cref="ReadFloat32(string)" path="/exception"/>
    /// <exception cref="ArgumentOutOfRangeException">The elements leave the tensor.</exception>
    public void ReadFloat32(TensorEntry entry, long firstElement, Span<float> destination)
    {
        if (!entry.DType.IsArithmetic()) throw FailAt(entry, $"is {entry.DType.Name()} and cannot be computed with, expected F32, F16, BF16 or F64");
        RequireWithin(entry.ElementCount, firstElement, destination.Length);
        if (entry.DType == DType.F32) ReadAsTheyAre(entry, firstElement, destination);
        else ReadConverted(entry, firstElement, destination, static (entry, _, bytes, values) => Conversion.ToSingle(entry.DType, bytes, values));
    }

    /// <summary>A whole F64 tensor, without rounding.</summary>
    /// <exception cref="SafetensorsException">No such tensor, another dtype, more elements than an array can hold, or the file became shorter.</exception>
    public double[] ReadFloat64(string name)
    {
        var entry = this[name];
        var values = GC.AllocateUninitializedArray<double>(ArrayLength(entry));
        ReadFloat64(entry, 0, values);
        return values;
    }

    /// <summary>Elements of an F64 tensor from <paramref name="firstElement"/> on, as many as the span holds.</summary>
    /// <inheritdoc cref="ReadFloat64(string)" path="/exception"/>
    /// <exception cref="ArgumentOutOfRangeException">The elements leave the tensor.</exception>
    public void ReadFloat64(TensorEntry entry, long firstElement, Span<double> destination)
    {
        if (entry.DType != DType.F64) throw FailAt(entry, $"is {entry.DType.Name()}, expected F64");
        RequireWithin(entry.ElementCount, firstElement, destination.Length);
        ReadAsTheyAre(entry, firstElement, destination);
    }

    /// <summary>A whole integer or BOOL tensor.</summary>
    /// <exception cref="SafetensorsException">No such tensor, another dtype, a value that does not fit 32 bits, or the file became shorter.</exception>
    public int[] ReadInt32(string name)
    {
        var entry = this[name];
        var values = GC.AllocateUninitializedArray<int>(ArrayLength(entry));
        ReadInt32(entry, 0, values);
        return values;
    }

    /// <summary>A whole integer or BOOL tensor into a span of exactly its length.</summary>
    /// <inheritdoc cref="ReadInt32(string)" path="/exception"/>
    public void ReadInt32(string name, Span<int> destination)
    {
        var entry = this[name];
        RequireLength(entry, destination.Length);
        ReadInt32(entry, 0, destination);
    }

    /// <summary>Elements of an integer or BOOL tensor from <paramref name="firstElement"/> on, as many as the span holds.</summary>
    /// <inheritdoc cref="ReadInt32(string)" path="/exception"/>
    /// <exception cref="ArgumentOutOfRangeException">The elements leave the tensor.</exception>
    public void ReadInt32(TensorEntry entry, long firstElement, Span<int> destination)
    {
        if (!entry.DType.IsInteger() && entry.DType != DType.Bool)
            throw FailAt(entry, $"is {entry.DType.Name()}, expected an integer type or BOOL");
        RequireWithin(entry.ElementCount, firstElement, destination.Length);
        ReadConverted(entry, firstElement, destination, ToInt32);
    }

    private void ToInt32(TensorEntry entry, long firstElement, ReadOnlySpan<byte> bytes, Span<int> values)
    {
        int bad = IntegerConversion.ToInt32(entry.DType, bytes, values);
        if (bad < 0) return;
        int size = bytes.Length / values.Length;
        string value = IntegerConversion.Format(entry.DType, bytes.Slice(bad * size, size));
        throw FailAt(entry, $"holds {value} at element {firstElement + bad}, expected values that fit 32 bits");
    }

    /// <summary>Straight into the destination, in pieces whose bytes fit an int.</summary>
    private void ReadAsTheyAre<T>(TensorEntry entry, long firstElement, Span<T> destination)
        where T : unmanaged
    {
        int most = (1 << 30) / sizeof(T);
        while (!destination.IsEmpty)
        {
            Span<T> piece = destination[..Math.Min(most, destination.Length)];
            ReadBytes(entry, firstElement * sizeof(T), MemoryMarshal.AsBytes(piece));
            firstElement += piece.Length;
            destination = destination[piece.Length..];
        }
    }

    /// <summary>Through a buffer that stays in a cache, block by block.</summary>
    private void ReadConverted<T>(TensorEntry entry, long firstElement, Span<T> destination, BlockConversion<T> convert)
    {
        int size = entry.DType.Bits() / 8;
        byte[] buffer = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        try
        {
            while (!destination.IsEmpty)
            {
                Span<T> piece = destination[..Math.Min(ChunkBytes / size, destination.Length)];
                Span<byte> bytes = buffer.AsSpan(0, piece.Length * size);
                ReadBytes(entry, firstElement * size, bytes);
                convert(entry, firstElement, bytes, piece);
                firstElement += piece.Length;
                destination = destination[piece.Length..];
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private int ArrayLength(TensorEntry entry) => entry.ElementCount <= Array.MaxLength
        ? (int)entry.ElementCount
        : throw FailAt(entry, $"has {entry.ElementCount} elements, expected at most {Array.MaxLength} for one array");

    private void RequireLength(TensorEntry entry, int length)
    {
        if (entry.ElementCount != length) throw FailAt(entry, $"has {entry.ElementCount} elements of shape {entry.Shape}, expected {length}");
    }
}
