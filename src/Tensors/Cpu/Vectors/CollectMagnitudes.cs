using System.Numerics;
using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>
/// Writes down the elements whose magnitude lies in a range and counts those above it, see <see cref="OperationSet.CollectMagnitudes"/>. Each worker fills a list of its own and appends it to
/// the common one; an entry says where it came from, so their order does not matter.
/// </summary>
internal unsafe struct CollectMagnitudes : IRangeKernel
{
    private readonly float* _values;

    /// <summary>Null: none.</summary>
    private readonly float* _origin;
    private readonly uint _smallest;
    private readonly uint _largest;
    private readonly ulong _firstRank;
    private readonly ulong* _list;
    private readonly long _room;
    private readonly ulong* _buffers;
    private readonly WorkerPool _pool;
    private long _found;
    private long _above;

    /// <param name="values">The values.</param>
    /// <param name="origin">What is subtracted from them; null for nothing.</param>
    /// <param name="range">Which magnitudes.</param>
    /// <param name="firstIndex">Index of the first value.</param>
    /// <param name="list">Where they are written down.</param>
    /// <param name="room">How many fit.</param>
    /// <param name="buffers">A range's length for each worker.</param>
    /// <param name="pool">The workers.</param>
    public CollectMagnitudes(float* values, float* origin, MagnitudeRange range, long firstIndex, ulong* list, long room, ulong* buffers, WorkerPool pool)
    {
        _values = values;
        _origin = origin;
        _list = list;
        _room = room;
        _buffers = buffers;
        _pool = pool;
        _smallest = range.Smallest;
        _largest = range.Largest;
        _firstRank = (ulong)(CollectedMagnitude.LastIndex - firstIndex);
    }

    /// <summary>How many there are, also beyond those that fit.</summary>
    public readonly long Found => _found;

    /// <summary>How many are larger.</summary>
    public readonly long Above => _above;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        float* values = _values + start, origin = _origin == null ? null : _origin + start;
        ulong* list = _buffers + ((long)_pool.CurrentWorker * Ranges.Length);
        ulong rank = _firstRank - (ulong)start;
        uint first = _smallest;
        float low = BitConverter.UInt32BitsToSingle(_smallest), high = BitConverter.UInt32BitsToSingle(_largest);
        V smallest = S.Create(low), largest = S.Create(high);
        int width = S.Count, found = 0, larger = 0, i = 0;
        for (; i <= count - (4 * width); i += 4 * width)
        {
            float* x = values + i, b = origin == null ? null : origin + i;
            V x0 = Size<S, V>(x, b, 0), x1 = Size<S, V>(x, b, width), x2 = Size<S, V>(x, b, 2 * width), x3 = Size<S, V>(x, b, 3 * width);
            ulong above = Bits<S, V, D>(S.LessThan(largest, x0), S.LessThan(largest, x1), S.LessThan(largest, x2), S.LessThan(largest, x3));
            ulong inside = Bits<S, V, D>(S.LessThanOrEqual(smallest, x0), S.LessThanOrEqual(smallest, x1), S.LessThanOrEqual(smallest, x2), S.LessThanOrEqual(smallest, x3));
            larger += BitOperations.PopCount(above);
            for (inside &= ~above; inside != 0; inside &= inside - 1)
            {
                int at = BitOperations.TrailingZeroCount(inside);
                float size = MathF.Abs(b == null ? x[at] : x[at] - b[at]);
                list[found++] = ((ulong)(BitConverter.SingleToUInt32Bits(size) - first) << CollectedMagnitude.IndexBits) | (rank - (ulong)(i + at));
            }
        }

        for (; i < count; i++)
        {
            float x = MathF.Abs(origin == null ? values[i] : values[i] - origin[i]);
            if (high < x) larger++;
            else if (low <= x) list[found++] = ((ulong)(BitConverter.SingleToUInt32Bits(x) - first) << CollectedMagnitude.IndexBits) | (rank - (ulong)i);
        }

        if (larger > 0) Interlocked.Add(ref _above, larger);
        if (found == 0) return;
        long end = Interlocked.Add(ref _found, found), begin = end - found;
        if (begin < _room) new ReadOnlySpan<ulong>(list, (int)Math.Min(found, _room - begin)).CopyTo(new Span<ulong>(_list + begin, found));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Size<S, V>(float* values, float* origin, int at)
        where S : struct, ISimd<V>
        where V : struct => S.Abs(origin == null ? S.Load(values + at) : S.Subtract(S.Load(values + at), S.Load(origin + at)));

    /// <summary>The lanes of four results of comparisons.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Bits<S, V, D>(V a, V b, V c, V d)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct => S.Bits(a) | ((ulong)S.Bits(b) << S.Count) | ((ulong)S.Bits(c) << (2 * S.Count)) | ((ulong)S.Bits(d) << (3 * S.Count));
}
