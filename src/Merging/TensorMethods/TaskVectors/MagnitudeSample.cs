using System.Buffers;
using System.Runtime.CompilerServices;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>
/// A sample of the magnitudes of a vector, counted by their leading bits: pieces that are here before the vector, or of one that comes in chunks cache lines spread over all of it. It
/// foretells between which magnitudes the last of the largest lies; whether that is so the search finds out. Where an element stands decides whether it is looked at, so chunks change nothing.
/// </summary>
internal sealed class MagnitudeSample
{
    /// <summary>Exponent and six bits.</summary>
    private const int DigitBits = 14;

    /// <summary>Elements of a cache line.</summary>
    private const int Line = 16;

    private const int LeastSampled = 16 * 1024;
    private const int MostSampled = 256 * 1024;

    /// <summary>The vector's share of which about one line is looked at.</summary>
    private const int Share = 64;

    /// <summary>Standard deviations of the number of sampled elements beyond a magnitude that a range allows for: lines of one row are alike, so three would be too few.</summary>
    private const double Deviations = 5;

    private int[] _counts = [];
    private ushort[] _digits = [];
    private int _piece;
    private readonly long _length;

    /// <summary>A line is taken out of every 2^_stride elements.</summary>
    private readonly int _stride;
    private long _seen;

    /// <param name="length">Of the whole vector.</param>
    public MagnitudeSample(long length)
    {
        _length = length;
        long lines = Math.Clamp(length / Share, LeastSampled, MostSampled) / Line;
        _stride = System.Numerics.BitOperations.Log2((ulong)Line);
        while (length >> _stride > lines) _stride++;
    }

    /// <summary>Bytes that it takes.</summary>
    public static long Bytes => sizeof(int) << DigitBits;

    /// <summary>Looks at a chunk in the host's memory.</summary>
    /// <param name="values">The chunk.</param>
    /// <param name="origin">What is subtracted from it; <c>default</c> for nothing.</param>
    /// <param name="firstIndex">Index of its first element.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Add(DeviceSpan<float> values, DeviceSpan<float> origin, long firstIndex)
    {
        ReadOnlySpan<float> x = values.HostSpan, b = origin.IsNone ? default : origin.HostSpan;
        Begin();
        int[] counts = _counts;
        for (long place = firstIndex >> _stride, end = firstIndex + x.Length; place << _stride < end; place++)
        {
            // Not at equal distances, or they would be in the same columns of every row.
            long line = (place << _stride) + ((uint)place * 2_654_435_761u >> (32 - _stride) & ~(Line - 1u));
            int from = (int)Math.Max(line - firstIndex, 0), to = (int)Math.Min(line + Line - firstIndex, x.Length);
            for (int i = from; i < to; i++) counts[DigitOf(b.IsEmpty ? x[i] : x[i] - b[i])]++;
            _seen += Math.Max(to - from, 0);
        }
    }

    /// <summary>A sample that is here at once: pieces of a vector, one behind the other.</summary>
    /// <param name="length">Of the whole vector.</param>
    /// <param name="values">The pieces.</param>
    /// <param name="origin">What is subtracted from them; <c>default</c> for nothing.</param>
    /// <param name="piece">Elements of a piece.</param>
    public static MagnitudeSample OfPieces(long length, DeviceSpan<float> values, DeviceSpan<float> origin, int piece)
    {
        var sample = new MagnitudeSample(length);
        int count = checked((int)values.Length);
        (sample._piece, sample._digits) = (piece, ArrayPool<ushort>.Shared.Rent(count));
        sample.Count(values.HostSpan, origin.IsNone ? default : origin.HostSpan, sample._digits);
        sample._seen = count;
        return sample;
    }

    /// <summary>Gives its memory back, for the sample of the next vector.</summary>
    public void Release()
    {
        if (_counts.Length > 0) ArrayPool<int>.Shared.Return(_counts);
        if (_digits.Length > 0) ArrayPool<ushort>.Shared.Return(_digits);
        (_counts, _digits) = ([], []);
    }

    /// <summary>Magnitudes between which the last of the <paramref name="count"/> largest very likely lies.</summary>
    /// <param name="count">At least 1, at most the vector's length.</param>
    /// <param name="candidates">How many elements very likely lie there at most.</param>
    public MagnitudeRange RangeOf(long count, out long candidates)
    {
        double share = (double)count / _length, place = share * _seen;
        int top = Math.Min(_counts.Length, 1 << DigitBits) - 1;

        // The digit of the element at a place from the largest on, and how many have a larger one.
        (int Digit, long Above) At(double until)
        {
            int digit = top;
            long above = 0;
            while (digit > 0 && above + _counts[digit] < until) above += _counts[digit--];
            return (digit, above);
        }

        int middle = At(place).Digit;
        double margin = _seen == _length ? 0 : (Deviations * Math.Sqrt(Math.Max(share * (1 - share) * _seen, VarianceFrom(middle)))) + 1;
        (int highest, long least) = At(place - margin);
        (int lowest, long above) = At(place + margin);
        long counted = above + _counts[lowest] - least;
        candidates = _seen == _length ? counted : Math.Min((long)(1.25 * counted * _length / Math.Max(_seen, 1)) + 1024, _length);

        // Around the most likely place, no wider than what is written down of a magnitude allows.
        const int shift = 31 - DigitBits, widest = (int)(MagnitudeRange.Widest >> shift);
        lowest = Math.Max(lowest, middle - (widest / 2));
        highest = Math.Min(highest, lowest + widest);
        return new MagnitudeRange((uint)lowest << shift, Math.Min(((uint)highest << shift) | ((1u << shift) - 1), 0x7F80_0000));
    }

    /// <summary>
    /// Variance of the number of sampled elements from a digit on, as the pieces have it: elements of a piece are alike where rows differ, and then they foretell less than so many from
    /// anywhere. 0 for a sample that is not of pieces.
    /// </summary>
    private double VarianceFrom(int digit)
    {
        if (_piece == 0) return 0;
        double sum = 0, squares = 0;
        long pieces = _seen / _piece;
        for (int first = 0; first < _seen; first += _piece)
        {
            int counted = 0;
            foreach (ushort own in _digits.AsSpan(first, _piece)) counted += own >= digit ? 1 : 0;
            sum += counted;
            squares += (double)counted * counted;
        }

        return Math.Max(0, squares - (sum * sum / pieces)) * pieces / Math.Max(pieces - 1, 1);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Count(ReadOnlySpan<float> x, ReadOnlySpan<float> origin, Span<ushort> digits)
    {
        Begin();
        int[] counts = _counts;
        for (int i = 0; i < x.Length; i++)
        {
            int digit = DigitOf(origin.IsEmpty ? x[i] : x[i] - origin[i]);
            counts[digit]++;
            digits[i] = (ushort)digit;
        }
    }

    private void Begin()
    {
        if (_counts.Length > 0) return;
        _counts = ArrayPool<int>.Shared.Rent(1 << DigitBits);
        _counts.AsSpan().Clear();
    }

    /// <summary>NaN is in no order, and goes below all others.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int DigitOf(float difference) => float.IsNaN(difference) ? 0 : (int)((BitConverter.SingleToUInt32Bits(difference) & 0x7FFF_FFFF) >> (31 - DigitBits));
}
