using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Losses;

/// <summary>Entropy of the softmax of rows of logits, H = ln Σe + Σ e·(max − x)/Σe with e = exp(x − max), and its gradient.</summary>
/// <remarks>Both terms are sums of numbers that are not negative; the largest logit's own 1 stays out of the sum, so that a confident row keeps its digits.</remarks>
internal readonly unsafe struct EntropyRows(DeviceSpan<float> entropies, Matrix logitsGradient, Matrix logits, float gradientScale) : IVectorKernel
{
    private readonly Rows _gradient = new(logitsGradient), _logits = new(logits);
    private readonly float* _entropies = entropies.Pointer;
    private readonly int _rows = logits.Rows, _classes = logits.Columns, _block = Blocks.RowsFor(logits.Columns, 2048);

    public int Tasks => Blocks.Count(_rows, _block);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<S, V>(int task)
        where S : struct, ISimd<V>
        where V : struct
    {
        int end = Math.Min((task + 1) * _block, _rows);
        for (int r = task * _block; r < end; r++)
        {
            float* x = _logits[r];
            float max = LogitsRow.Largest<S, V>(x, _classes);
            float* gradient = _gradient.IsNone ? null : _gradient[r], kept = gradient == x ? null : gradient;
            (double others, double weighted) = Exponentials<S, V>(kept, x, _classes, max);
            double total = 1 + others, mean = weighted / total;
            _entropies[r] = (float)(Logarithm.OfOnePlus(others) + mean);
            if (gradient == null) continue;
            // −p·(ln p + H) with ln p + H = (x − max) + mean.
            V top = S.Create(max), offset = S.Create((float)mean), scale = S.Create((float)(-gradientScale / total));
            for (int c = 0; c < _classes; c += S.Count)
            {
                V below = S.Subtract(Lanes.Load<S, V>(x + c, _classes - c), top);
                V e = kept == null ? VectorFunctions.Exp<S, V>(below) : Lanes.Load<S, V>(kept + c, _classes - c);
                V slope = S.Select(S.Equal(e, S.Zero), S.Zero, S.Add(below, offset));
                Lanes.Store<S, V>(gradient + c, S.Multiply(S.Multiply(e, scale), slope), _classes - c);
            }
        }
    }

    /// <summary>
    /// Σ e and Σ e·(max − x) with e = exp(x − max), without the 1 of one largest logit; no term is negative, and none counts whose e is 0: its class may be infinitely far below.
    /// NaN where a logit is, or where every logit is −∞.
    /// </summary>
    /// <param name="kept">[count], takes e; null: nothing does.</param>
    /// <param name="logits">[count].</param>
    /// <param name="count">Classes.</param>
    /// <param name="max">The largest logit.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (double Sum, double Weighted) Exponentials<S, V>(float* kept, float* logits, int count, float max)
        where S : struct, ISimd<V>
        where V : struct
    {
        V top = S.Create(max), one = S.Create(1), sum = S.Zero, weighted = S.Zero, largest = S.Zero;
        for (int c = 0; c < count; c += S.Count)
        {
            V below = S.Subtract(top, Lanes.Load<S, V>(logits + c, count - c)), e = VectorFunctions.Exp<S, V>(S.Negate(below));
            if (kept != null) Lanes.Store<S, V>(kept + c, e, count - c);
            V isTop = S.Equal(below, S.Zero), smaller = S.Select(isTop, S.Zero, e);
            if (count - c < S.Count)
            {
                V mask = Lanes.First<S, V>(count - c);
                isTop = S.And(mask, isTop);
                smaller = S.And(mask, smaller);
            }

            largest = S.Add(largest, S.And(isTop, one));
            sum = S.Add(sum, smaller);
            weighted = S.MultiplyAdd(smaller, S.Select(S.Equal(smaller, S.Zero), S.Zero, below), weighted);
        }

        return (S.SumDouble(sum) + (S.SumDouble(largest) - 1), S.SumDouble(weighted));
    }
}
