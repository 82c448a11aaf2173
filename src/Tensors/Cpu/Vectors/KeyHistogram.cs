using System.Numerics;
using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>Counts the next digit of the float64 keys whose leading bits are known; the range of keys leaves out NaN and what is negative.</summary>
internal unsafe struct KeyHistogram : IRangeKernel
{
    private readonly double* _keys;
    private readonly double _smallest;
    private readonly double _largest;
    private readonly int _shift;
    private readonly uint _digits;
    private readonly HistogramTables _tables;
    private readonly WorkerPool _pool;

    public KeyHistogram(double* keys, ulong prefix, int prefixBits, int digitBits, in HistogramTables tables, WorkerPool pool)
    {
        ulong first = prefixBits == 0 ? 0 : prefix << (63 - prefixBits);
        ulong last = first | (0x7FFF_FFFF_FFFF_FFFFul >> prefixBits);
        _keys = keys;
        _smallest = BitConverter.UInt64BitsToDouble(first);
        _largest = BitConverter.UInt64BitsToDouble(Math.Min(last, 0x7FF0_0000_0000_0000));
        _shift = 63 - prefixBits - digitBits;
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
        int worker = _pool.CurrentWorker, shift = _shift, width = S.Count / 2, step = _tables.Interleaved == 1 ? 0 : _tables.Size;
        uint* t0 = _tables.Tables(worker), t1 = t0 + step, t2 = t1 + step, t3 = t2 + step;
        ulong* bits = (ulong*)(_keys + start);
        uint digits = _digits, full = uint.MaxValue >> (32 - (4 * width));
        D smallest = S.CreateDouble(_smallest), largest = S.CreateDouble(_largest);
        int i = 0;
        for (; i <= count - (4 * width); i += 4 * width)
        {
            uint inside = Inside<S, V, D>((double*)bits + i, smallest, largest)
                | (Inside<S, V, D>((double*)bits + i + width, smallest, largest) << width)
                | (Inside<S, V, D>((double*)bits + i + (2 * width), smallest, largest) << (2 * width))
                | (Inside<S, V, D>((double*)bits + i + (3 * width), smallest, largest) << (3 * width));
            if (inside == full)
            {
                for (int j = i; j < i + (4 * width); j += 4)
                {
                    t0[(uint)(bits[j] >> shift) & digits]++;
                    t1[(uint)(bits[j + 1] >> shift) & digits]++;
                    t2[(uint)(bits[j + 2] >> shift) & digits]++;
                    t3[(uint)(bits[j + 3] >> shift) & digits]++;
                }
            }
            else
            {
                for (; inside != 0; inside &= inside - 1) t0[(uint)(bits[i + BitOperations.TrailingZeroCount(inside)] >> shift) & digits]++;
            }
        }

        for (; i < count; i++)
        {
            double x = ((double*)bits)[i];
            if (_smallest <= x && x <= _largest) t0[(uint)(bits[i] >> shift) & digits]++;
        }
    }

    /// <summary>Bit i: lane i lies in the range.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Inside<S, V, D>(double* keys, D smallest, D largest)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        D x = S.LoadDouble(keys);
        return S.Bits(S.And(S.LessThanOrEqual(smallest, x), S.LessThanOrEqual(x, largest)));
    }
}
