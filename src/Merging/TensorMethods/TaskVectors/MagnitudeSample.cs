using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using MergeEngine.Tensors;

namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>
/// A sample of the magnitudes of a vector that comes in chunks: cache lines spread over all of it, counted by the leading bits of what they hold, for a <see cref="MagnitudeForecast"/>. Where an
/// element stands in the vector decides whether it is looked at, so chunks change nothing.
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

    private readonly WorkingMemory _memory;
    private readonly long _length;
    private DeviceBuffer? _counts;

    /// <summary>A line is taken out of every 2^_stride elements.</summary>
    private readonly int _stride;
    private long _seen;

    /// <param name="memory">Where it is held.</param>
    /// <param name="length">Of the whole vector.</param>
    public MagnitudeSample(WorkingMemory memory, long length)
    {
        (_memory, _length) = (memory, length);
        long lines = Math.Clamp(length / Share, LeastSampled, MostSampled) / Line;
        _stride = System.Numerics.BitOperations.Log2((ulong)Line);
        while (length >> _stride > lines) _stride++;
    }

    /// <summary>Bytes that it takes.</summary>
    public static long Bytes => sizeof(int) << DigitBits;

    private Span<int> Counts => MemoryMarshal.Cast<byte, int>(_counts!.AsSpan<byte>().HostSpan)[..(1 << DigitBits)];

    /// <summary>Looks at a chunk in the host's memory.</summary>
    /// <param name="values">The chunk.</param>
    /// <param name="origin">What is subtracted from it; <c>default</c> for nothing.</param>
    /// <param name="firstIndex">Index of its first element.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Add(DeviceSpan<float> values, DeviceSpan<float> origin, long firstIndex)
    {
        ReadOnlySpan<float> x = values.HostSpan, b = origin.IsNone ? default : origin.HostSpan;
        Begin();
        Span<int> counts = Counts;
        for (long place = firstIndex >> _stride, end = firstIndex + x.Length; place << _stride < end; place++)
        {
            // Not at equal distances, or they would be in the same columns of every row.
            long line = (place << _stride) + ((uint)place * 2_654_435_761u >> (32 - _stride) & ~(Line - 1u));
            int from = (int)Math.Max(line - firstIndex, 0), to = (int)Math.Min(line + Line - firstIndex, x.Length);
            for (int i = from; i < to; i++) counts[MagnitudeForecast.DigitOf(b.IsEmpty ? x[i] : x[i] - b[i], DigitBits)]++;
            _seen += Math.Max(to - from, 0);
        }
    }

    /// <summary>Gives the counts back, for the sample of the next vector.</summary>
    public void Release()
    {
        if (_counts is not null) _memory.Return(_counts);
        _counts = null;
    }

    /// <inheritdoc cref="MagnitudeForecast"/>
    public MagnitudeForecast Foretell(long count) => MagnitudeForecast.Of(_counts is null ? [0] : Counts, DigitBits, _seen, _length, count);

    private void Begin()
    {
        if (_counts is not null) return;
        _counts = _memory.Rent(Bytes);
        Counts.Clear();
    }
}
