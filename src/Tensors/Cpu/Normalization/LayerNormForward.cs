using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Normalization;

/// <summary>
/// LayerNorm of a block of rows, with the residual added before where there is one. A row is read from memory once; the passes after the first find it in the
/// first-level cache.
/// </summary>
/// <remarks>
/// Mean and variance are taken from differences to a point near the mean, so that a row with a large mean loses nothing: the first pass sums
/// x − x₀, the second x − m for the rounded mean m that came out, and what m lacks, δ, goes into the result.
/// </remarks>
internal readonly unsafe struct LayerNormForward(
    Matrix sum, Matrix output, DeviceSpan<float> mean, DeviceSpan<float> inverseDeviation, Matrix input, Matrix residual,
    DeviceSpan<float> weight, DeviceSpan<float> bias, float epsilon) : IVectorKernel
{
    private readonly Rows _sum = new(sum), _output = new(output), _input = new(input), _residual = new(residual);
    private readonly float* _mean = mean.Pointer, _inverse = inverseDeviation.Pointer, _weight = weight.Pointer, _bias = bias.Pointer;
    private readonly int _rows = input.Rows, _width = input.Columns, _block = Blocks.RowsFor(input.Columns);

    /// <summary>Rows between the one that is worked on and the one that is asked for meanwhile, 2 KiB or one row: memory would wait while moments are put together.</summary>
    private readonly int _ahead = Blocks.RowsFor(input.Columns, 512);
    private readonly double _epsilon = epsilon;

    public int Tasks => Blocks.Count(_rows, _block);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<S, V>(int task)
        where S : struct, ISimd<V>
        where V : struct
    {
        int end = Math.Min((task + 1) * _block, _rows);
        for (int r = task * _block; r < end; r++)
        {
            float* x = _input[r];
            if (!_residual.IsNone)
            {
                Add<S, V>(_sum[r], x, _residual[r]);
                x = _sum[r];
            }

            (float near, double rest, double inverse) = Moments<S, V>(x, x + (_ahead * (_residual.IsNone ? _input.Stride : _sum.Stride)));
            Write<S, V>(_output[r], x, near, (float)(-rest * inverse), (float)inverse);
            if (_mean != null) _mean[r] = (float)(near + rest);
            if (_inverse != null) _inverse[r] = (float)inverse;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Add<S, V>(float* sum, float* a, float* b)
        where S : struct, ISimd<V>
        where V : struct
    {
        int c = 0;
        for (; c <= _width - S.Count; c += S.Count)
        {
            S.Prefetch(a + (_ahead * _input.Stride) + c);
            S.Prefetch(b + (_ahead * _residual.Stride) + c);
            S.Store(sum + c, S.Add(S.Load(a + c), S.Load(b + c)));
        }

        int left = _width - c;
        if (left > 0) S.StorePartial(sum + c, S.Add(S.LoadPartial(a + c, left), S.LoadPartial(b + c, left)), left);
    }

    /// <summary>A float32 near the mean, what the mean is beyond it, and 1/√(variance + ε). Meanwhile asks for the row at <paramref name="next"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private (float Near, double Remainder, double Inverse) Moments<S, V>(float* x, float* next)
        where S : struct, ISimd<V>
        where V : struct
    {
        V origin = S.Create(x[0]);
        V even = S.Zero, odd = S.Zero;
        int c = 0;
        for (; c <= _width - (2 * S.Count); c += 2 * S.Count)
        {
            even = S.Add(even, S.Subtract(S.Load(x + c), origin));
            odd = S.Add(odd, S.Subtract(S.Load(x + c + S.Count), origin));
        }

        for (; c < _width; c += S.Count) even = S.Add(even, Difference<S, V>(x + c, origin, _width - c));
        float near = (float)(x[0] + (S.SumDouble(S.Add(even, odd)) / _width));

        origin = S.Create(near);
        even = S.Zero;
        odd = S.Zero;
        V evenSquares = S.Zero, oddSquares = S.Zero;
        for (c = 0; c <= _width - (2 * S.Count); c += 2 * S.Count)
        {
            S.Prefetch(next + c);
            S.Prefetch(next + c + S.Count);
            V a = S.Subtract(S.Load(x + c), origin), b = S.Subtract(S.Load(x + c + S.Count), origin);
            even = S.Add(even, a);
            odd = S.Add(odd, b);
            evenSquares = S.MultiplyAdd(a, a, evenSquares);
            oddSquares = S.MultiplyAdd(b, b, oddSquares);
        }

        for (; c < _width; c += S.Count)
        {
            V a = Difference<S, V>(x + c, origin, _width - c);
            even = S.Add(even, a);
            evenSquares = S.MultiplyAdd(a, a, evenSquares);
        }

        double rest = S.SumDouble(S.Add(even, odd)) / _width;
        double variance = (S.SumDouble(S.Add(evenSquares, oddSquares)) / _width) - (rest * rest);
        return (near, rest, 1 / Math.Sqrt(Math.Max(variance, 0) + _epsilon));
    }

    /// <summary>x − origin; 0 in the lanes behind the end of the row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Difference<S, V>(float* x, V origin, int count)
        where S : struct, ISimd<V>
        where V : struct => count >= S.Count
            ? S.Subtract(S.Load(x), origin)
            : S.And(Lanes.First<S, V>(count), S.Subtract(S.LoadPartial(x, count), origin));

    /// <summary>output ← ((x − near)·inverse + shift)·weight + bias.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Write<S, V>(float* output, float* x, float near, float shift, float inverse)
        where S : struct, ISimd<V>
        where V : struct
    {
        V origin = S.Create(near), offset = S.Create(shift), factor = S.Create(inverse);
        int c = 0;
        for (; c <= _width - S.Count; c += S.Count)
        {
            V normal = S.MultiplyAdd(S.Subtract(S.Load(x + c), origin), factor, offset);
            S.Store(output + c, S.MultiplyAdd(normal, S.Load(_weight + c), S.Load(_bias + c)));
        }

        int left = _width - c;
        if (left > 0)
        {
            V normal = S.MultiplyAdd(S.Subtract(S.LoadPartial(x + c, left), origin), factor, offset);
            S.StorePartial(output + c, S.MultiplyAdd(normal, S.LoadPartial(_weight + c, left), S.LoadPartial(_bias + c, left)), left);
        }
    }
}
