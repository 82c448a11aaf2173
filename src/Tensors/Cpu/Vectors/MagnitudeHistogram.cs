using System.Numerics;
using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>
/// Counts the next digit of |values| whose leading bits are known. Bit patterns of magnitudes are ordered like the magnitudes, so "starts with the
/// prefix" is a range of float32 and two comparisons find the few elements that count; NaN lies in no range.
/// </summary>
internal unsafe struct MagnitudeHistogram : IRangeKernel
{
    private readonly float* _values;

    /// <summary>Null: none.</summary>
    private readonly float* _origin;
    private readonly float _smallest;
    private readonly float _largest;
    private readonly int _shift;
    private readonly uint _digits;
    private readonly HistogramTables _tables;
    private readonly WorkerPool _pool;

    public MagnitudeHistogram(float* values, float* origin, uint prefix, int prefixBits, int digitBits, in HistogramTables tables, WorkerPool pool)
    {
        uint first = prefixBits == 0 ? 0 : prefix << (31 - prefixBits);
        uint last = first | (0x7FFF_FFFFu >> prefixBits);
        _values = values;
        _origin = origin;
        _smallest = BitConverter.UInt32BitsToSingle(first);
        _largest = BitConverter.UInt32BitsToSingle(Math.Min(last, 0x7F80_0000));
        _shift = 31 - prefixBits - digitBits;
        _digits = (1u << digitBits) - 1;
        _tables = tables;
        _pool = pool;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        int worker = _pool.CurrentWorker, shift = _shift, step = _tables.Interleaved == 1 ? 0 : _tables.Size;
        uint* t0 = _tables.Tables(worker), t1 = t0 + step, t2 = t1 + step, t3 = t2 + step;
        float* values = _values + start, origin = _origin == null ? null : _origin + start, staged = stackalloc float[64];
        uint digits = _digits;
        int width = S.Count;
        ulong full = ulong.MaxValue >> (64 - (4 * width));
        V smallest = S.Create(_smallest), largest = S.Create(_largest);
        int i = 0;
        for (; i <= count - (4 * width); i += 4 * width)
        {
            // Four vectors at a time: the loop over the elements that count ends unpredictably, so it should not end often.
            float* four = values + i;
            if (origin != null)
            {
                S.Store(staged, S.Subtract(S.Load(four), S.Load(origin + i)));
                S.Store(staged + width, S.Subtract(S.Load(four + width), S.Load(origin + i + width)));
                S.Store(staged + (2 * width), S.Subtract(S.Load(four + (2 * width)), S.Load(origin + i + (2 * width))));
                S.Store(staged + (3 * width), S.Subtract(S.Load(four + (3 * width)), S.Load(origin + i + (3 * width))));
                four = staged;
            }

            ulong inside = Inside<S, V, D>(four, smallest, largest)
                | ((ulong)Inside<S, V, D>(four + width, smallest, largest) << width)
                | ((ulong)Inside<S, V, D>(four + (2 * width), smallest, largest) << (2 * width))
                | ((ulong)Inside<S, V, D>(four + (3 * width), smallest, largest) << (3 * width));
            uint* bits = (uint*)four;
            if (inside == full)
            {
                for (int j = 0; j < 4 * width; j += 4)
                {
                    t0[(bits[j] >> shift) & digits]++;
                    t1[(bits[j + 1] >> shift) & digits]++;
                    t2[(bits[j + 2] >> shift) & digits]++;
                    t3[(bits[j + 3] >> shift) & digits]++;
                }
            }
            else
            {
                for (; inside != 0; inside &= inside - 1) t0[(bits[BitOperations.TrailingZeroCount(inside)] >> shift) & digits]++;
            }
        }

        for (; i < count; i++)
        {
            float x = MathF.Abs(origin == null ? values[i] : values[i] - origin[i]);
            if (_smallest <= x && x <= _largest) t0[(BitConverter.SingleToUInt32Bits(x) >> shift) & digits]++;
        }
    }

    /// <summary>Bit i: lane i lies in the range.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint Inside<S, V, D>(float* values, V smallest, V largest)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        V x = S.Abs(S.Load(values));
        return S.Bits(S.And(S.LessThanOrEqual(smallest, x), S.LessThanOrEqual(x, largest)));
    }
}
