using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using MergeEngine.Tensors;

namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>
/// A sample of the magnitudes of a vector that is here before it: pieces from all over it, for a <see cref="MagnitudeForecast"/>. Elements of a piece are alike where rows differ, and then they
/// foretell less than so many from anywhere: how much less the pieces say themselves.
/// </summary>
/// <param name="memory">Where it is held.</param>
/// <param name="length">Of the whole vector.</param>
/// <param name="piece">Elements of a piece.</param>
internal sealed class PieceSample(WorkingMemory memory, long length, int piece)
{
    /// <summary>Exponent and eight bits: a range of few elements.</summary>
    private const int DigitBits = 16;

    private DeviceBuffer? _digits;
    private int _seen;
    private int _largest;

    /// <summary>Sampled elements.</summary>
    public long Count => _seen;

    /// <summary>Bytes of the sample of a vector of so many elements at most, and of the counts that are made of it for a moment; 0 where none is taken.</summary>
    public static long Bytes(long length) => SampleSize.IsWorthIt(length) ? DigitBytes(length) + CountBytes : 0;

    private static long DigitBytes(long length) => sizeof(ushort) * SampleSize.Pieces(length) * SampleSize.Piece;

    private const long CountBytes = sizeof(int) << DigitBits;

    private Span<ushort> Digits => MemoryMarshal.Cast<byte, ushort>((_digits ??= memory.Rent(DigitBytes(length))).AsSpan<byte>().HostSpan);

    /// <summary>Takes further pieces in the host's memory.</summary>
    /// <param name="values">One behind the other.</param>
    /// <param name="origin">What is subtracted from them; <c>default</c> for nothing.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Add(DeviceSpan<float> values, DeviceSpan<float> origin)
    {
        ReadOnlySpan<float> x = values.HostSpan, b = origin.IsNone ? default : origin.HostSpan;
        Span<ushort> digits = Digits.Slice(_seen, x.Length);
        int largest = _largest;
        for (int i = 0; i < x.Length; i++)
        {
            int digit = MagnitudeForecast.DigitOf(b.IsEmpty ? x[i] : x[i] - b[i], DigitBits);
            digits[i] = (ushort)digit;
            largest = Math.Max(largest, digit);
        }

        _largest = largest;
        _seen += x.Length;
    }

    /// <inheritdoc cref="MagnitudeForecast"/>
    public MagnitudeForecast Foretell(long count)
    {
        DeviceBuffer rented = memory.Rent(CountBytes);
        Span<int> counts = MemoryMarshal.Cast<byte, int>(rented.AsSpan<byte>().HostSpan)[..(_largest + 1)];
        counts.Clear();
        foreach (ushort digit in Digits[.._seen]) counts[digit]++;
        MagnitudeForecast forecast = MagnitudeForecast.Of(counts, DigitBits, _seen, length, count, VarianceFrom);
        memory.Return(rented);
        return forecast;
    }

    /// <summary>Sampled elements whose magnitude is not below the smallest of a range that it foretold.</summary>
    public long CountFrom(float smallest)
    {
        int first = MagnitudeForecast.DigitOf(smallest, DigitBits);
        long count = 0;
        foreach (ushort digit in Digits[.._seen]) count += digit >= first ? 1 : 0;
        return count;
    }

    /// <summary>Gives its memory back, for the sample of the next vector.</summary>
    public void Release()
    {
        if (_digits is not null) memory.Return(_digits);
        (_digits, _seen) = (null, 0);
    }

    /// <summary>Variance of the number of sampled elements from a digit on, as the pieces have it.</summary>
    private double VarianceFrom(int digit)
    {
        double sum = 0, squares = 0;
        for (int first = 0; first < _seen; first += piece)
        {
            int counted = 0;
            foreach (ushort own in Digits.Slice(first, piece)) counted += own >= digit ? 1 : 0;
            sum += counted;
            squares += (double)counted * counted;
        }

        double pieces = _seen / piece;
        return Math.Max(0, squares - (sum * sum / pieces)) * pieces / Math.Max(pieces - 1, 1);
    }
}
