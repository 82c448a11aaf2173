using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Tensors.Operations;

/// <summary>A vector on a device in the dtype that a file holds it in. <c>default</c> means "not given".</summary>
public readonly struct StoredVector
{
    /// <param name="dtype">F32, F16, BF16 or F64.</param>
    /// <param name="bytes">Memory that starts at a multiple of the element's size and holds at least <paramref name="length"/> elements.</param>
    /// <param name="length">Number of elements.</param>
    /// <exception cref="ArgumentException">Another dtype, too little memory, or memory at an odd address.</exception>
    public StoredVector(DType dtype, DeviceSpan<byte> bytes, long length)
    {
        if (!dtype.IsArithmetic()) throw new ArgumentException($"{dtype.Name()} cannot be computed with, expected F32, F16, BF16 or F64.", nameof(dtype));
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        int size = dtype.Bits() / 8;
        if (bytes.Length / size < length) throw new ArgumentException($"{length} elements of {dtype.Name()} need {dtype.ByteCount(length)} bytes, the span has {bytes.Length}.", nameof(bytes));
        if (bytes.Address % size != 0) throw new ArgumentException($"A vector of {dtype.Name()} starts at a multiple of {size} bytes; this one starts {bytes.Address % size} behind one.", nameof(bytes));
        DType = dtype;
        Bytes = bytes;
        Length = length;
    }

    /// <summary>F32, F16, BF16 or F64.</summary>
    public DType DType { get; }

    /// <summary>The elements as files hold them.</summary>
    public DeviceSpan<byte> Bytes { get; }

    /// <summary>Number of elements.</summary>
    public long Length { get; }

    /// <summary>True for <c>default</c>: an optional argument that was not given.</summary>
    public bool IsNone => Bytes.IsNone;

    /// <summary>Bytes of one element.</summary>
    public int ElementBytes => DType.Bits() / 8;

    /// <summary>A float32 vector, over the same memory.</summary>
    public static StoredVector From(DeviceSpan<float> values) => new(DType.F32, values.AsBytes(), values.Length);

    /// <summary>Elements [start, start + length).</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the vector.</exception>
    public StoredVector Slice(long start, long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        if (start > Length - length)
            throw new ArgumentOutOfRangeException(nameof(length), $"The range [{start}, {start + length}) leaves a vector of {Length} elements.");
        return new StoredVector(DType, Bytes.Slice(start * ElementBytes, length * ElementBytes), length);
    }
}
