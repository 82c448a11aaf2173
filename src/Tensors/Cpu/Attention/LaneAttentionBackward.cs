using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Attention;

/// <summary>
/// The gradients of <see cref="AttentionBackward"/> over a few tokens, one head to a lane. ⟨dO, O⟩ is taken as Σ P ⊙ dP, which is the same number: the output need not be
/// read.
/// </summary>
internal readonly unsafe struct LaneAttentionBackward(
    Matrix queryGradient, Matrix keyGradient, Matrix valueGradient, Matrix outputGradient, DeviceSpan<float> logSumExp,
    Matrix query, Matrix key, Matrix value, DeviceSpan<int> keyMask, LaneLayout layout, WorkerPool pool, float* scratch) : IVectorKernel
{
    private readonly Rows _queryGradient = new(queryGradient), _keyGradient = new(keyGradient), _valueGradient = new(valueGradient);
    private readonly Rows _outputGradient = new(outputGradient), _query = new(query), _key = new(key), _value = new(value);
    private readonly float* _logSumExp = logSumExp.Pointer;
    private readonly int* _mask = keyMask.Pointer;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<S, V>(int task)
        where S : struct, ISimd<V>
        where V : struct
    {
        nint panel = layout.PanelLength;
        float* queries = scratch + (pool.CurrentWorker * layout.BackwardScratch), keys = queries + panel, values = keys + panel, gradients = values + panel;
        float* result = gradients + panel, probabilities = result + panel, dScores = probabilities + layout.ScoreLength;
        float* bias = dScores + layout.ScoreLength, logSums = bias + layout.RowLength, block = logSums + layout.RowLength;
        int tokens = layout.Shape.Tokens, size = layout.Shape.HeadSize;
        nint row = (nint)size * S.Count, scoreRow = (nint)tokens * S.Count;
        float** sums = stackalloc float*[S.Count];
        (long first, long end) = layout.Units(task);
        for (long unit = first; unit < end; unit += S.Count)
        {
            layout.FillBias(bias, _mask, unit, end, S.Count);
            for (int lane = 0; lane < S.Count; lane++) sums[lane] = _logSumExp + (Math.Min(unit + lane, end - 1) * tokens);
            LaneLayout.Gather<S, V>(logSums, block, sums, 0, tokens);
            layout.Gather<S, V>(queries, block, _query, unit, end);
            layout.Gather<S, V>(keys, block, _key, unit, end);
            layout.Gather<S, V>(values, block, _value, unit, end);
            layout.Gather<S, V>(gradients, block, _outputGradient, unit, end);
            LaneProduct<S, V>.Multiply(probabilities, queries, row, S.Count, keys, S.Count, row, tokens, tokens, size);
            LaneProduct<S, V>.Multiply(dScores, gradients, row, S.Count, values, S.Count, row, tokens, tokens, size);
            for (int t = 0; t < tokens; t++)
            {
                LaneSoftmax<S, V>.Backward(
                    probabilities + (t * scoreRow), dScores + (t * scoreRow), logSums + (t * S.Count), bias, layout.Visible(t), tokens, layout.Shape.Scale);
            }

            LaneProduct<S, V>.Multiply(result, dScores, scoreRow, S.Count, keys, row, S.Count, tokens, size, tokens);
            layout.Scatter<S, V>(_queryGradient, result, block, unit, end);
            LaneProduct<S, V>.Multiply(result, dScores, S.Count, scoreRow, queries, row, S.Count, tokens, size, tokens);
            layout.Scatter<S, V>(_keyGradient, result, block, unit, end);
            LaneProduct<S, V>.Multiply(result, probabilities, S.Count, scoreRow, gradients, row, S.Count, tokens, size, tokens);
            layout.Scatter<S, V>(_valueGradient, result, block, unit, end);
        }
    }
}
