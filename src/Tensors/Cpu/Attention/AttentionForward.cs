using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Attention;

/// <summary>
/// output = softmax(Q·Kᵀ/√d + mask)·V for some heads. Scores of a block of query rows live in the worker's scratch and nowhere else;
/// of them only the logarithm of each row's sum of exponentials is kept.
/// </summary>
internal readonly unsafe struct AttentionForward(
    Matrix output, DeviceSpan<float> logSumExp, Matrix query, Matrix key, Matrix value, DeviceSpan<int> keyMask, HeadLayout layout, WorkerPool pool, float* scratch) : IVectorKernel
{
    private readonly Rows _output = new(output), _query = new(query), _key = new(key), _value = new(value);
    private readonly float* _logSumExp = logSumExp.Pointer;
    private readonly int* _mask = keyMask.Pointer;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<S, V>(int task)
        where S : struct, ISimd<V>
        where V : struct
    {
        float* keys = scratch + (pool.CurrentWorker * layout.ForwardScratch), keysTransposed = keys + layout.PanelLength, values = keysTransposed + layout.PanelLength;
        float* outputs = values + layout.PanelLength, scores = outputs + ((nint)HeadLayout.RowBlock * layout.PaddedSize), bias = scores + layout.ScoreLength;
        float* largest = bias + layout.PaddedTokens, sums = largest + HeadLayout.RowBlock;
        int tokens = layout.Shape.Tokens, size = layout.Shape.HeadSize;
        float scale = layout.Shape.Scale;
        int tokenVectors = (tokens + S.Count - 1) / S.Count, sizeVectors = (size + S.Count - 1) / S.Count;
        (long first, long end) = layout.Units(task);
        long sampleOfBias = -1;
        for (long unit = first; unit < end; unit++)
        {
            int n = (int)(unit / layout.Shape.Heads), row = n * tokens, column = (int)(unit % layout.Shape.Heads) * size;
            (int nextRow, int nextColumn) = layout.Following(unit);
            if (n != sampleOfBias) layout.FillBias(bias, _mask == null ? null : _mask + row);
            sampleOfBias = n;
            layout.Gather<S, V>(keys, _key[row] + column, _key.Stride);
            layout.Transpose<S, V>(keysTransposed, keys);
            layout.Gather<S, V>(values, _value[row] + column, _value.Stride);
            for (int t0 = 0; t0 < tokens; t0 += HeadLayout.RowBlock)
            {
                int rows = Math.Min(HeadLayout.RowBlock, tokens - t0);
                HeadProduct.Multiply<S, V>(scores, layout.PaddedTokens, _query[row + t0] + column, _query.Stride, 1, keysTransposed, layout.PaddedTokens, rows, tokenVectors, size);
                // One pass after the other over the rows, so that no row waits for another's maximum or sum.
                for (int t = 0; t < rows; t++)
                {
                    largest[t] = SoftmaxRow.Scores<S, V>(scores + ((nint)t * layout.PaddedTokens), bias, layout.Visible(t0 + t), scale);
                    if (nextRow < 0) continue;
                    layout.Prefetch<S, V>(_query[nextRow + t0 + t] + nextColumn);
                    layout.Prefetch<S, V>(_key[nextRow + t0 + t] + nextColumn);
                }

                for (int t = 0; t < rows; t++)
                {
                    sums[t] = SoftmaxRow.Exponentials<S, V>(scores + ((nint)t * layout.PaddedTokens), largest[t], layout.Visible(t0 + t), tokenVectors);
                    if (nextRow >= 0) layout.Prefetch<S, V>(_value[nextRow + t0 + t] + nextColumn);
                }

                SoftmaxRow.Finish<S, V>(_logSumExp == null ? null : _logSumExp + (unit * tokens) + t0, sums, largest, rows);
                HeadProduct.Multiply<S, V>(outputs, layout.PaddedSize, scores, layout.PaddedTokens, 1, values, layout.PaddedSize, rows, sizeVectors, tokens);
                layout.Scatter<S, V>(_output[row + t0] + column, _output.Stride, outputs, sums, rows);
            }
        }
    }
}
