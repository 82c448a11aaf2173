using System.Buffers;
using System.Runtime.InteropServices;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Tensors.Safetensors;

/// <summary>One tensor to be written: what it is, and where its bytes come from.</summary>
public sealed class TensorContent
{
    private const int ChunkElements = 64 * 1024;

    /// <summary>Bytes that a callback writes to a stream when their turn comes, so that a large model needs no copy.</summary>
    /// <param name="name">The key in the header.</param>
    /// <param name="dtype">Any dtype.</param>
    /// <param name="shape">The dimensions.</param>
    /// <param name="write">Writes exactly the bytes of the tensor, little-endian.</param>
    public TensorContent(string name, DType dtype, Shape shape, Action<Stream> write)
    {
        Name = name;
        DType = dtype;
        Shape = shape;
        ByteLength = dtype.ByteCount(shape.ElementCount);
        Write = write;
    }

    /// <summary>Bytes in memory.</summary>
    /// <exception cref="ArgumentException">The number of bytes is not that of the dtype and shape.</exception>
    public TensorContent(string name, DType dtype, Shape shape, ReadOnlyMemory<byte> bytes)
        : this(name, dtype, shape, stream => stream.Write(bytes.Span))
    {
        if (ByteLength != bytes.Length)
            throw new ArgumentException($"{bytes.Length} bytes were given for tensor {Quoting.Quote(name)}, expected {ByteLength} for {dtype.Name()} {shape}.", nameof(bytes));
    }

    public string Name { get; }

    public DType DType { get; }

    public Shape Shape { get; }

    /// <summary>The number of bytes.</summary>
    public long ByteLength { get; }

    internal Action<Stream> Write { get; }

    /// <summary>Floats, rounded to nearest even where <paramref name="dtype"/> is narrower.</summary>
    /// <param name="name">The key in the header.</param>
    /// <param name="shape">The dimensions.</param>
    /// <param name="values">The elements, row-major; read when the file is written.</param>
    /// <param name="dtype">F32, F16, BF16 or F64.</param>
    /// <exception cref="ArgumentException">Another dtype, or a number of values that is not that of the shape.</exception>
    public static TensorContent FromFloat32(string name, Shape shape, ReadOnlyMemory<float> values, DType dtype = DType.F32)
    {
        if (!dtype.IsArithmetic()) throw new ArgumentException($"{dtype.Name()} cannot be computed with, expected F32, F16, BF16 or F64.", nameof(dtype));
        RequireCount(name, shape, values.Length);
        return new TensorContent(name, dtype, shape, stream => WriteConverted(stream, values.Span, dtype));
    }

    /// <summary>32-bit integers as I32.</summary>
    /// <exception cref="ArgumentException">The number of values is not that of the shape.</exception>
    public static TensorContent FromInt32(string name, Shape shape, ReadOnlyMemory<int> values)
    {
        RequireCount(name, shape, values.Length);
        return new TensorContent(name, DType.I32, shape, stream => WriteElements(stream, values.Span));
    }

    /// <summary>64-bit integers as I64.</summary>
    /// <exception cref="ArgumentException">The number of values is not that of the shape.</exception>
    public static TensorContent FromInt64(string name, Shape shape, ReadOnlyMemory<long> values)
    {
        RequireCount(name, shape, values.Length);
        return new TensorContent(name, DType.I64, shape, stream => WriteElements(stream, values.Span));
    }

    private static void RequireCount(string name, Shape shape, int count)
    {
        if (shape.ElementCount != count)
            throw new ArgumentException($"{count} values were given for tensor {Quoting.Quote(name)}, expected {shape.ElementCount} for {shape}.", nameof(count));
    }

    private static void WriteElements<T>(Stream stream, ReadOnlySpan<T> values)
        where T : unmanaged
    {
        // In pieces, because the bytes of a long span do not fit an int.
        const int Piece = 1 << 24;
        for (int i = 0; i < values.Length; i += Piece)
            stream.Write(MemoryMarshal.AsBytes(values.Slice(i, Math.Min(Piece, values.Length - i))));
    }

    private static void WriteConverted(Stream stream, ReadOnlySpan<float> values, DType dtype)
    {
        if (dtype == DType.F32)
        {
            WriteElements(stream, values);
            return;
        }

        int size = dtype.Bits() / 8;
        byte[] buffer = ArrayPool<byte>.Shared.Rent(ChunkElements * size);
        try
        {
            for (int i = 0; i < values.Length; i += ChunkElements)
            {
                var piece = values.Slice(i, Math.Min(ChunkElements, values.Length - i));
                var bytes = buffer.AsSpan(0, piece.Length * size);
                Conversion.FromSingle(piece, dtype, bytes);
                stream.Write(bytes);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
