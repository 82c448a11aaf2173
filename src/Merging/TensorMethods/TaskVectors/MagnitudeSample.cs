using System.Buffers;
using System.Runtime.CompilerServices;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>
/// A sample of the magnitudes of a vector that comes in chunks: cache lines spread over all of it, counted by the leading bits of what they hold. It foretells between which
/// magnitudes the last of the largest lies; whether that is so the search finds out. Where an element stands in the vector decides whether it is looked at, so chunks change nothing.
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
        if (_counts.Length == 0)
        {
            _counts = ArrayPool<int>.Shared.Rent(1 << DigitBits);
            _counts.AsSpan().Clear();
        }

        int[] counts = _counts;
        for (long place = firstIndex >> _stride, end = firstIndex + x.Length; place << _stride < end; place++)
        {
            // Not at equal distances, or they would be in the same columns of every row.
            long line = (place << _stride) + ((uint)place * 2_654_435_761u >> (32 - _stride) & ~(Line - 1u));
            int from = (int)Math.Max(line - firstIndex, 0), to = (int)Math.Min(line + Line - firstIndex, x.Length);
            for (int i = from; i < to; i++)
            {
                // NaN is in no order, and goes below all others.
                float difference = b.IsEmpty ? x[i] : x[i] - b[i];
                uint key = float.IsNaN(difference) ? 0 : BitConverter.SingleToUInt32Bits(difference) & 0x7FFF_FFFF;
                counts[key >> (31 - DigitBits)]++;
            }

            _seen += Math.Max(to - from, 0);
        }
    }

    /// <summary>Gives the counts back, for the sample of the next vector.</summary>
    public void Release()
    {
        if (_counts.Length > 0) ArrayPool<int>.Shared.Return(_counts);
        _counts = [];
    }

    /// <summary>Magnitudes between which the last of the <paramref name="count"/> largest very likely lies.</summary>
    /// <param name="count">At least 1, at most the vector's length.</param>
    /// <param name="candidates">How many elements very likely lie there at most.</param>
    public MagnitudeRange RangeOf(long count, out long candidates)
    {
        double share = (double)count / _length, place = share * _seen, margin = (Deviations * Math.Sqrt(share * (1 - share) * _seen)) + 1;
        if (_seen == _length) margin = 0;
        int digit = Math.Min(_counts.Length, 1 << DigitBits) - 1;
        long above = 0;
        int Down(double until)
        {
            while (digit > 0 && above + _counts[digit] < until) above += _counts[digit--];
            return digit;
        }

        int highest = Down(place - margin);
        long least = above;
        int middle = Down(place);
        Down(place + margin);
        long counted = above + _counts[digit] - least;
        candidates = _seen == _length ? counted : Math.Min((long)(1.25 * counted * _length / Math.Max(_seen, 1)) + 1024, _length);

        // Around the most likely place, no wider than what is written down of a magnitude allows.
        const int shift = 31 - DigitBits, widest = (int)(MagnitudeRange.Widest >> shift);
        int lowest = Math.Max(digit, middle - (widest / 2));
        highest = Math.Min(highest, lowest + widest);
        return new MagnitudeRange((uint)lowest << shift, Math.Min(((uint)highest << shift) | ((1u << shift) - 1), 0x7F80_0000));
    }
}
