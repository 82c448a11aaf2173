using System.Numerics;
using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>
/// Writes down the elements whose magnitude lies in a range of keys, see <see cref="OperationSet.CollectMagnitudes"/>. Each worker fills a list of its own and appends it to the
/// common one; an entry says where it came from, so their order does not matter.
/// </summary>
internal unsafe struct CollectMagnitudes : IRangeKernel
{
    private readonly float* _values;
    private readonly float* _origin;
    private readonly float _smallest;
    private readonly float _largest;
    private readonly uint _bits;
    private readonly ulong _firstRank;
    private readonly ulong* _list;
    private readonly long _room;
    private readonly ulong* _buffers;
    private readonly WorkerPool _pool;
    private long _found;

    /// <param name="values">The values.</param>
    /// <param name="origin">What is subtracted from them; null for nothing.</param>
    /// <param name="prefix">Leading bits of the keys.</param>
    /// <param name="prefixBits">How many.</param>
    /// <param name="firstIndex">Index of the first value.</param>
    /// <param name="list">Where they are written down.</param>
    /// <param name="room">How many fit.</param>
    /// <param name="buffers">A range's length for each worker.</param>
    /// <param name="pool">The workers.</param>
    public CollectMagnitudes(float* values, float* origin, uint prefix, int prefixBits, long firstIndex, ulong* list, long room, ulong* buffers, WorkerPool pool)
    {
        uint first = prefix << (31 - prefixBits), last = first | (0x7FFF_FFFFu >> prefixBits);
        _values = values;
        _origin = origin;
        _list = list;
        _room = room;
        _buffers = buffers;
        _pool = pool;
        _smallest = BitConverter.UInt32BitsToSingle(first);
        _largest = BitConverter.UInt32BitsToSingle(Math.Min(last, 0x7F80_0000));
        _bits = 0x7FFF_FFFFu >> prefixBits;
        _firstRank = (ulong)(OperationSet.LastCollected - firstIndex);
    }

    /// <summary>How many there are, also beyond those that fit.</summary>
    public readonly long Found => _found;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        float* values = _values + start, origin = _origin == null ? null : _origin + start, staged = stackalloc float[64];
        ulong* list = _buffers + ((long)_pool.CurrentWorker * Ranges.Length);
        ulong rank = _firstRank - (ulong)start;
        uint bits = _bits;
        V smallest = S.Create(_smallest), largest = S.Create(_largest);
        int width = S.Count, found = 0, i = 0;
        for (; i <= count - (4 * width); i += 4 * width)
        {
            float* four = values + i;
            if (origin != null)
            {
                float* from = origin + i;
                S.Store(staged, S.Subtract(S.Load(four), S.Load(from)));
                S.Store(staged + width, S.Subtract(S.Load(four + width), S.Load(from + width)));
                S.Store(staged + (2 * width), S.Subtract(S.Load(four + (2 * width)), S.Load(from + (2 * width))));
                S.Store(staged + (3 * width), S.Subtract(S.Load(four + (3 * width)), S.Load(from + (3 * width))));
                four = staged;
            }

            ulong inside = MagnitudeHistogram.Inside<S, V, D>(four, smallest, largest)
                | ((ulong)MagnitudeHistogram.Inside<S, V, D>(four + width, smallest, largest) << width)
                | ((ulong)MagnitudeHistogram.Inside<S, V, D>(four + (2 * width), smallest, largest) << (2 * width))
                | ((ulong)MagnitudeHistogram.Inside<S, V, D>(four + (3 * width), smallest, largest) << (3 * width));
            for (; inside != 0; inside &= inside - 1)
            {
                int at = BitOperations.TrailingZeroCount(inside);
                list[found++] = ((ulong)(((uint*)four)[at] & bits) << 44) | (rank - (ulong)(i + at));
            }
        }

        for (; i < count; i++)
        {
            float x = MathF.Abs(origin == null ? values[i] : values[i] - origin[i]);
            if (_smallest <= x && x <= _largest) list[found++] = ((ulong)(BitConverter.SingleToUInt32Bits(x) & bits) << 44) | (rank - (ulong)i);
        }

        if (found == 0) return;
        long end = Interlocked.Add(ref _found, found), begin = end - found;
        if (begin < _room) new ReadOnlySpan<ulong>(list, (int)Math.Min(found, _room - begin)).CopyTo(new Span<ulong>(_list + begin, found));
    }
}
