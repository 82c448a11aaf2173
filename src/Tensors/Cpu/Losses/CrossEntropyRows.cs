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
            double others = LogitsRow.Exponentials<S, V>(x, label, max).Sum + LogitsRow.Exponentials<S, V>(x + label + 1, _classes - label - 1, max).Sum;
            double total = others + Math.Exp((double)own - max);
            _losses[r] = (float)(own == max ? Logarithm.OfOnePlus(others) : Math.Log(total) + ((double)max - own));
            if (_gradient.IsNone) continue;
            float* gradient = _gradient[r];
            V top = S.Create(max), scale = S.Create((float)(gradientScale / total));
            for (int c = 0; c < _classes; c += S.Count)
            {
                V e = VectorFunctions.Exp<S, V>(S.Subtract(Lanes.Load<S, V>(x + c, _classes - c), top));
                Lanes.Store<S, V>(gradient + c, S.Multiply(e, scale), _classes - c);
            }

            gradient[label] = (float)(-gradientScale * (others / total));
        }
    }
}
