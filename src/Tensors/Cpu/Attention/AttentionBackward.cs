using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Attention;

/// <summary>
/// Gradients of some heads, block of query rows by block: P again from the log-sum-exp, dP = dO·Vᵀ, dS = P ⊙ (dP − ⟨dO, O⟩)/√d; then dQ = dS·K,
/// dK += dSᵀ·Q, dV += Pᵀ·dO (Dao et al., arXiv 2205.14135, algorithm 4).
/// </summary>
internal readonly unsafe struct AttentionBackward(
    Matrix queryGradient, Matrix keyGradient, Matrix valueGradient, Matrix outputGradient, Matrix output, DeviceSpan<float> logSumExp,
    Matrix query, Matrix key, Matrix value, DeviceSpan<int> keyMask, HeadLayout layout, WorkerPool pool, float* scratch) : IVectorKernel
{
    private readonly Rows _queryGradient = new(queryGradient), _keyGradient = new(keyGradient), _valueGradient = new(valueGradient);
    private readonly Rows _outputGradient = new(outputGradient), _output = new(output), _query = new(query), _key = new(key), _value = new(value);
    private readonly float* _logSumExp = logSumExp.Pointer;
    private readonly int* _mask = keyMask.Pointer;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<S, V>(int task)
        where S : struct, ISimd<V>
        where V : struct
    {
        nint panel = (nint)layout.PanelLength;
        float* keys = scratch + (pool.CurrentWorker * layout.BackwardScratch), keysTransposed = keys + panel, valuesTransposed = keysTransposed + panel;
        float* queries = valuesTransposed + panel, gradients = queries + panel, dKeys = gradients + panel, dValues = dKeys + panel, dQueries = dValues + panel;
        float* probabilities = dQueries + ((nint)HeadLayout.RowBlock * layout.PaddedSize), dScores = probabilities + layout.ScoreLength, bias = dScores + layout.ScoreLength;
        int tokens = layout.Shape.Tokens, size = layout.Shape.HeadSize;
        float scale = layout.Shape.Scale;
        int tokenVectors = (tokens + S.Count - 1) / S.Count, sizeVectors = (size + S.Count - 1) / S.Count;
        nint scoreStride = layout.PaddedTokens, stride = layout.PaddedSize;
        (long first, long end) = layout.Units(task);
        long sampleOfBias = -1;
        for (long unit = first; unit < end; unit++)
        {
            int n = (int)(unit / layout.Shape.Heads), row = n * tokens, column = (int)(unit % layout.Shape.Heads) * size;
            (int nextRow, int nextColumn) = layout.Following(unit);
            if (n != sampleOfBias) layout.FillBias(bias, _mask == null ? null : _mask + row);
            sampleOfBias = n;
            layout.Gather<S, V>(keys, _value[row] + column, _value.Stride);
            layout.Transpose<S, V>(valuesTransposed, keys);
            layout.Gather<S, V>(keys, _key[row] + column, _key.Stride);
            layout.Transpose<S, V>(keysTransposed, keys);
            layout.Gather<S, V>(queries, _query[row] + column, _query.Stride);
            layout.Gather<S, V>(gradients, _outputGradient[row] + column, _outputGradient.Stride);
            for (int t0 = 0; t0 < tokens; t0 += HeadLayout.RowBlock)
            {
                int rows = Math.Min(HeadLayout.RowBlock, tokens - t0);
                float* q = queries + (t0 * stride), dO = gradients + (t0 * stride);
                HeadProduct.Multiply<S, V>(probabilities, scoreStride, q, stride, 1, keysTransposed, scoreStride, rows, tokenVectors, size);
                HeadProduct.Multiply<S, V>(dScores, scoreStride, dO, stride, 1, valuesTransposed, scoreStride, rows, tokenVectors, size);
                for (int t = 0; t < rows; t++)
                {
                    float* p = probabilities + (t * scoreStride);
                    if (nextRow >= 0) Prefetch<S, V>(nextRow + t0 + t, nextColumn);
                    SoftmaxRow.Again<S, V>(p, bias, layout.Visible(t0 + t), tokenVectors, scale, _logSumExp[(unit * tokens) + t0 + t]);
                    float delta = Dot<S, V>(dO + (t * stride), _output[row + t0 + t] + column, size);
                    SoftmaxRow.Backward<S, V>(dScores + (t * scoreStride), p, tokenVectors, delta, scale);
                }

                HeadProduct.Multiply<S, V>(dQueries, stride, dScores, scoreStride, 1, keys, stride, rows, sizeVectors, tokens);
                layout.Scatter<S, V>(_queryGradient[row + t0] + column, _queryGradient.Stride, dQueries, rows);
                HeadProduct.Multiply<S, V>(dKeys, stride, dScores, 1, scoreStride, q, stride, tokens, sizeVectors, rows, accumulate: t0 > 0);
                HeadProduct.Multiply<S, V>(dValues, stride, probabilities, 1, scoreStride, dO, stride, tokens, sizeVectors, rows, accumulate: t0 > 0);
            }

            layout.Scatter<S, V>(_keyGradient[row] + column, _keyGradient.Stride, dKeys, tokens);
            layout.Scatter<S, V>(_valueGradient[row] + column, _valueGradient.Stride, dValues, tokens);
        }
    }

    /// <summary>Asks for one token of the head that comes next: its rows lie far apart, and waiting for each when it is wanted takes as long as the arithmetic.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Prefetch<S, V>(int row, int column)
        where S : struct, ISimd<V>
        where V : struct
    {
        layout.Prefetch<S, V>(_query[row] + column);
        layout.Prefetch<S, V>(_key[row] + column);
        layout.Prefetch<S, V>(_value[row] + column);
        layout.Prefetch<S, V>(_outputGradient[row] + column);
        layout.Prefetch<S, V>(_output[row] + column);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Dot<S, V>(float* a, float* b, int length)
        where S : struct, ISimd<V>
        where V : struct
    {
        V sum = S.Zero;
        for (int c = 0; c < length; c += S.Count) sum = S.MultiplyAdd(Lanes.Load<S, V>(a + c, length - c), Lanes.Load<S, V>(b + c, length - c), sum);
        return (float)S.SumDouble(sum);
    }
}
