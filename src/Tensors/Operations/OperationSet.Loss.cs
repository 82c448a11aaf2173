namespace MergeEngine.Tensors.Operations;

/// <content>Losses over logits [rows, classes]; the gradient comes out of the same pass.</content>
public abstract partial class OperationSet
{
    /// <summary>losses[r] ← −log softmax(logits[r])[labels[r]]; logitsGradient[r] ← gradientScale·(softmax(logits[r]) − onehot(labels[r])).</summary>
    /// <param name="losses">[rows], float32.</param>
    /// <param name="logitsGradient">[rows, classes]; <c>default</c> when only scoring; may alias <paramref name="logits"/>.</param>
    /// <param name="logits">[rows, classes].</param>
    /// <param name="labels">[rows], each in [0, classes): the caller has checked them.</param>
    /// <param name="gradientScale">1/rows for the gradient of a mean loss; 1 for per-sample gradients.</param>
    public void CrossEntropy(DeviceSpan<float> losses, Matrix logitsGradient, Matrix logits, DeviceSpan<int> labels, float gradientScale)
    {
        Check(losses, logits.Rows);
        Check(logitsGradient, logits.Rows, logits.Columns, optional: true);
        Check(logits, logits.Rows, logits.Columns);
        Check(labels, logits.Rows);
        CrossEntropyCore(losses, logitsGradient, logits, labels, gradientScale);
    }

    /// <summary>
    /// entropies[r] ← H(softmax(logits[r])) in nats; logitsGradient[r, c] ← −gradientScale·p_c·(log p_c + H), the objective of AdaMerging
    /// (arXiv 2310.02575). A class whose logit is −∞ adds nothing to either; a row of nothing else is NaN.
    /// </summary>
    /// <param name="entropies">[rows], float32.</param>
    /// <param name="logitsGradient">[rows, classes]; <c>default</c> when only scoring; may alias <paramref name="logits"/>.</param>
    /// <param name="logits">[rows, classes].</param>
    /// <param name="gradientScale">1/rows for the gradient of a mean.</param>
    public void Entropy(DeviceSpan<float> entropies, Matrix logitsGradient, Matrix logits, float gradientScale)
    {
        Check(entropies, logits.Rows);
        Check(logitsGradient, logits.Rows, logits.Columns, optional: true);
        Check(logits, logits.Rows, logits.Columns);
        EntropyCore(entropies, logitsGradient, logits, gradientScale);
    }

    /// <summary>best[r] ← index of the largest logit of row r, the lowest among equals; a NaN counts as −∞.</summary>
    /// <param name="best">[rows].</param>
    /// <param name="logits">[rows, classes].</param>
    public void ArgMax(DeviceSpan<int> best, Matrix logits)
    {
        Check(best, logits.Rows);
        Check(logits, logits.Rows, logits.Columns);
        ArgMaxCore(best, logits);
    }

    protected abstract void CrossEntropyCore(DeviceSpan<float> losses, Matrix logitsGradient, Matrix logits, DeviceSpan<int> labels, float gradientScale);

    protected abstract void EntropyCore(DeviceSpan<float> entropies, Matrix logitsGradient, Matrix logits, float gradientScale);

    protected abstract void ArgMaxCore(DeviceSpan<int> best, Matrix logits);
}
