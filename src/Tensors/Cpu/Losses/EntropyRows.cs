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
            int at = LogitsRow.IndexOf(x, _classes, max);
            (double before, double weightedBefore) = LogitsRow.Exponentials<S, V>(x, at, max);
            (double behind, double weightedBehind) = LogitsRow.Exponentials<S, V>(x + at + 1, _classes - at - 1, max);
            double own = x[at] - max;   // 0, or NaN where every logit is
            double others = before + behind, total = 1 + others + own, mean = (weightedBefore + weightedBehind) / total;
            _entropies[r] = (float)(Logarithm.OfOnePlus(others) + mean + own);
            if (_gradient.IsNone) continue;
            // −p·(ln p + H) with ln p + H = (x − max) + mean.
            float* gradient = _gradient[r];
            V top = S.Create(max), offset = S.Create((float)mean), scale = S.Create((float)(-gradientScale / total));
            for (int c = 0; c < _classes; c += S.Count)
            {
                V below = S.Subtract(Lanes.Load<S, V>(x + c, _classes - c), top);
                V e = VectorFunctions.Exp<S, V>(below);
                Lanes.Store<S, V>(gradient + c, S.Multiply(S.Multiply(e, scale), S.Add(below, offset)), _classes - c);
            }
        }
    }
}
