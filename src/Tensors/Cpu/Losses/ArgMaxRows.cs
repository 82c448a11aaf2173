using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Losses;

/// <summary>Index of the largest logit of each row, the lowest among equals.</summary>
internal readonly unsafe struct ArgMaxRows(DeviceSpan<int> best, Matrix logits) : IVectorKernel
{
    private readonly Rows _logits = new(logits);
    private readonly int* _best = best.Pointer;
    private readonly int _rows = logits.Rows, _classes = logits.Columns, _block = Blocks.RowsFor(logits.Columns, 8192);

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
            // −∞ stands for NaN too; nothing is above it, so the first class wins.
            _best[r] = float.IsNegativeInfinity(max) ? 0 : LogitsRow.IndexOf(x, _classes, max);
        }
    }
}
