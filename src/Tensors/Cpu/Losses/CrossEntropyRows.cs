using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Losses;

/// <summary>Cross-entropy of rows of logits and its gradient.</summary>
/// <remarks>
/// The label's own exponential is kept apart from the sum of the others. So a confident row loses nothing: its loss is ln(1 + others), and the
/// gradient at the label is −others/total, where p − 1 would cancel.
/// </remarks>
internal readonly unsafe struct CrossEntropyRows(
    DeviceSpan<float> losses, Matrix logitsGradient, Matrix logits, DeviceSpan<int> labels, float gradientScale) : IVectorKernel
{
    private readonly Rows _gradient = new(logitsGradient), _logits = new(logits);
    private readonly float* _losses = losses.Pointer;
    private readonly int* _labels = labels.Pointer;
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
            int label = _labels[r];
            float max = LogitsRow.Largest<S, V>(x, _classes), own = x[label];
            float* gradient = _gradient.IsNone ? null : _gradient[r];
            double others = Others<S, V>(gradient, x, _classes, label, max);
            double total = others + Math.Exp((double)own - max);
            _losses[r] = (float)(own == max ? Logarithm.OfOnePlus(others) : Math.Log(total) + ((double)max - own));
            if (gradient == null) continue;
            V scale = S.Create((float)(gradientScale / total));
            for (int c = 0; c < _classes; c += S.Count)
                Lanes.Store<S, V>(gradient + c, S.Multiply(Lanes.Load<S, V>(gradient + c, _classes - c), scale), _classes - c);

            gradient[label] = (float)(-gradientScale * (others / total));
        }
    }

    /// <summary>Σ exp(x − max) over the classes beside the label.</summary>
    /// <param name="kept">[count], takes the exponentials, the label's too; null: nothing does. May be the logits.</param>
    /// <param name="logits">[count].</param>
    /// <param name="count">Classes.</param>
    /// <param name="label">Of the row.</param>
    /// <param name="max">The largest logit.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double Others<S, V>(float* kept, float* logits, int count, int label, float max)
        where S : struct, ISimd<V>
        where V : struct
    {
        V top = S.Create(max), sum = S.Zero;
        for (int c = 0; c < count; c += S.Count)
        {
            V e = VectorFunctions.Exp<S, V>(S.Subtract(Lanes.Load<S, V>(logits + c, count - c), top));
            if (kept != null) Lanes.Store<S, V>(kept + c, e, count - c);
            if (count - c < S.Count) e = S.And(Lanes.First<S, V>(count - c), e);
            int at = label - c;
            if (at >= 0 && at < S.Count) e = S.Select(S.Xor(Lanes.First<S, V>(at), Lanes.First<S, V>(at + 1)), S.Zero, e);
            sum = S.Add(sum, e);
        }

        return S.SumDouble(sum);
    }
}
