namespace MergeEngine.Tensors.Operations;

/// <content>Softmax attention (Vaswani et al., arXiv 1706.03762).</content>
public abstract partial class OperationSet
{
    /// <summary>
    /// output ← softmax(Q·Kᵀ/√d + mask)·V for every sample and head. Scores are not stored: the backward pass makes them again from
    /// the logarithm of each row's sum of exponentials (as in Dao et al., arXiv 2205.14135).
    /// </summary>
    /// <param name="output">[batch·tokens, width].</param>
    /// <param name="logSumExp">[batch, heads, tokens]: ln Σ exp(score), for the backward pass; optional. −∞ where every key is masked; the output row is 0 there.</param>
    /// <param name="query">[batch·tokens, width].</param>
    /// <param name="key">[batch·tokens, width].</param>
    /// <param name="value">[batch·tokens, width].</param>
    /// <param name="shape">Sizes.</param>
    /// <param name="keyMask">[batch, tokens]: 0 hides a key (padding), anything else shows it; optional.</param>
    public void AttentionForward(
        Matrix output, DeviceSpan<float> logSumExp, Matrix query, Matrix key, Matrix value, AttentionShape shape, DeviceSpan<int> keyMask = default)
    {
        CheckShape(shape);
        Check(output, shape.Rows, shape.Width);
        Check(logSumExp, shape.ScoreRows, optional: true);
        Check(query, shape.Rows, shape.Width);
        Check(key, shape.Rows, shape.Width);
        Check(value, shape.Rows, shape.Width);
        Check(keyMask, shape.Rows, optional: true);
        if (shape.Rows == 0) return;
        AttentionForwardCore(output, logSumExp, query, key, value, shape, keyMask);
    }

    /// <summary>Gradients of queries, keys and values (all overwritten).</summary>
    /// <param name="queryGradient">[batch·tokens, width].</param>
    /// <param name="keyGradient">[batch·tokens, width].</param>
    /// <param name="valueGradient">[batch·tokens, width].</param>
    /// <param name="outputGradient">[batch·tokens, width].</param>
    /// <param name="output">Output of the forward pass.</param>
    /// <param name="logSumExp">From the forward pass.</param>
    /// <param name="query">As in the forward pass.</param>
    /// <param name="key">As in the forward pass.</param>
    /// <param name="value">As in the forward pass.</param>
    /// <param name="shape">Sizes.</param>
    /// <param name="keyMask">As in the forward pass.</param>
    public void AttentionBackward(
        Matrix queryGradient, Matrix keyGradient, Matrix valueGradient, Matrix outputGradient, Matrix output, DeviceSpan<float> logSumExp,
        Matrix query, Matrix key, Matrix value, AttentionShape shape, DeviceSpan<int> keyMask = default)
    {
        CheckShape(shape);
        Check(queryGradient, shape.Rows, shape.Width);
        Check(keyGradient, shape.Rows, shape.Width);
        Check(valueGradient, shape.Rows, shape.Width);
        Check(outputGradient, shape.Rows, shape.Width);
        Check(output, shape.Rows, shape.Width);
        Check(logSumExp, shape.ScoreRows);
        Check(query, shape.Rows, shape.Width);
        Check(key, shape.Rows, shape.Width);
        Check(value, shape.Rows, shape.Width);
        Check(keyMask, shape.Rows, optional: true);
        if (shape.Rows == 0) return;
        AttentionBackwardCore(queryGradient, keyGradient, valueGradient, outputGradient, output, logSumExp, query, key, value, shape, keyMask);
    }

    private static void CheckShape(AttentionShape shape)
    {
        if (shape.Batch < 0 || shape.Tokens < 0 || shape.Heads < 1 || shape.HeadSize < 1)
            throw new ArgumentException($"There is no attention of {shape.Batch} samples, {shape.Tokens} tokens and {shape.Heads} heads of width {shape.HeadSize}.", nameof(shape));
    }

    protected abstract void AttentionForwardCore(
        Matrix output, DeviceSpan<float> logSumExp, Matrix query, Matrix key, Matrix value, AttentionShape shape, DeviceSpan<int> keyMask);

    protected abstract void AttentionBackwardCore(
        Matrix queryGradient, Matrix keyGradient, Matrix valueGradient, Matrix outputGradient, Matrix output, DeviceSpan<float> logSumExp,
        Matrix query, Matrix key, Matrix value, AttentionShape shape, DeviceSpan<int> keyMask);
}
