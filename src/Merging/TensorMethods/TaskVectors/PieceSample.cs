using System.Buffers;
using System.Runtime.CompilerServices;
using MergeEngine.Tensors;

namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>
/// A sample of the magnitudes of a vector that is here before it: pieces from all over it, for a <see cref="MagnitudeForecast"/>. Elements of a piece are alike where rows differ, and then they
/// foretell less than so many from anywhere: how much less the pieces say themselves.
/// </summary>
/// <param name="length">Of the whole vector.</param>
/// <param name="piece">Elements of a piece.</param>
internal sealed class PieceSample(long length, int piece)
{
    /// <summary>Exponent and eight bits: a range of few elements.</summary>
    private const int DigitBits = 16;

    /// <summary>The counts of one sample at a time.</summary>
    [ThreadStatic]
    private static int[]? t_counts;

    private ushort[] _digits = [];
    private int _seen;
    private int _largest;

    /// <summary>Sampled elements.</summary>
    public long Count => _seen;

    /// <summary>Bytes of the sample of a vector of so many elements at most.</summary>
    public static long Bytes(long length) => sizeof(ushort) * SampleSize.Pieces(length) * SampleSize.Piece;

    /// <summary>Takes further pieces in the host's memory.</summary>
    /// <param name="values">One behind the other.</param>
    /// <param name="origin">What is subtracted from them; <c>default</c> for nothing.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Add(DeviceSpan<float> values, DeviceSpan<float> origin)
    {
        ReadOnlySpan<float> x = values.HostSpan, b = origin.IsNone ? default : origin.HostSpan;
        Require(_seen + x.Length);
        Span<ushort> digits = _digits.AsSpan(_seen, x.Length);
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
        Span<int> counts = (t_counts ??= new int[1 << DigitBits]).AsSpan(0, _largest + 1);
        counts.Clear();
        foreach (ushort digit in _digits.AsSpan(0, _seen)) counts[digit]++;
        return MagnitudeForecast.Of(counts, DigitBits, _seen, length, count, VarianceFrom);
    }

    /// <summary>Sampled elements whose magnitude is not below the smallest of a range that it foretold.</summary>
    public long CountFrom(float smallest)
    {
        int first = MagnitudeForecast.DigitOf(smallest, DigitBits);
        long count = 0;
        foreach (ushort digit in _digits.AsSpan(0, _seen)) count += digit >= first ? 1 : 0;
        return count;
    }

    /// <summary>Gives its memory back, for the sample of the next vector.</summary>
    public void Release()
    {
        if (_digits.Length > 0) ArrayPool<ushort>.Shared.Return(_digits);
        (_digits, _seen) = ([], 0);
    }

    /// <summary>Variance of the number of sampled elements from a digit on, as the pieces have it.</summary>
    private double VarianceFrom(int digit)
    {
        double sum = 0, squares = 0;
        for (int first = 0; first < _seen; first += piece)
        {
            int counted = 0;
            foreach (ushort own in _digits.AsSpan(first, piece)) counted += own >= digit ? 1 : 0;
            sum += counted;
            squares += (double)counted * counted;
        }

        double pieces = _seen / piece;
        return Math.Max(0, squares - (sum * sum / pieces)) * pieces / Math.Max(pieces - 1, 1);
    }

    private void Require(int count)
    {
        if (_digits.Length >= count) return;
        ushort[] larger = ArrayPool<ushort>.Shared.Rent(count);
        _digits.AsSpan(0, _seen).CopyTo(larger);
        if (_digits.Length > 0) ArrayPool<ushort>.Shared.Return(_digits);
        _digits = larger;
    }
}
