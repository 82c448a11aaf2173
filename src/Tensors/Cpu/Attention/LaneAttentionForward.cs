using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Attention;

/// <summary>output = softmax(Q·Kᵀ/√d + mask)·V over a few tokens, one head to a lane; see <see cref="LaneLayout"/>.</summary>
internal readonly unsafe struct LaneAttentionForward(
    Matrix output, DeviceSpan<float> logSumExp, Matrix query, Matrix key, Matrix value, DeviceSpan<int> keyMask, LaneLayout layout, WorkerPool pool, float* scratch) : IVectorKernel
{
    private readonly Rows _output = new(output), _query = new(query), _key = new(key), _value = new(value);
    private readonly float* _logSumExp = logSumExp.Pointer;
    private readonly int* _mask = keyMask.Pointer;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<S, V>(int task)
        where S : struct, ISimd<V>
        where V : struct
    {
        float* queries = scratch + (pool.CurrentWorker * layout.ForwardScratch), keys = queries + layout.PanelLength, values = keys + layout.PanelLength;
        float* scores = values + layout.PanelLength, bias = scores + layout.ScoreLength, logSums = bias + layout.RowLength, block = logSums + layout.RowLength;
        int tokens = layout.Shape.Tokens, size = layout.Shape.HeadSize;
        nint row = (nint)size * S.Count, scoreRow = (nint)tokens * S.Count;
        float** targets = stackalloc float*[S.Count];
        (long first, long end) = layout.Units(task);
        for (long unit = first; unit < end; unit += S.Count)
        {
            layout.FillBias(bias, _mask, unit, end, S.Count);
            layout.Gather<S, V>(queries, block, _query, unit, end);
            layout.Gather<S, V>(keys, block, _key, unit, end);
            layout.Gather<S, V>(values, block, _value, unit, end);
            LaneProduct<S, V>.Multiply(scores, queries, row, S.Count, keys, S.Count, row, tokens, tokens, size);
            for (int t = 0; t < tokens; t++)
                LaneSoftmax<S, V>.Forward(scores + (t * scoreRow), logSums + (t * S.Count), bias, layout.Visible(t), tokens, layout.Shape.Scale);
            float* outputs = queries;
            LaneProduct<S, V>.Multiply(outputs, scores, scoreRow, S.Count, values, row, S.Count, tokens, size, tokens);
            layout.Scatter<S, V>(_output, outputs, block, unit, end);
            if (_logSumExp == null) continue;
            for (int lane = 0; lane < S.Count; lane++) targets[lane] = _logSumExp + ((unit + lane) * tokens);
            LaneLayout.Scatter<S, V>(targets, 0, logSums, block, (int)Math.Min(S.Count, end - unit), tokens);
        }
    }
}
