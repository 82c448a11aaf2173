namespace MergeEngine.Tensors.Operations;

/// <content>From images and token ids to the rows of the first block.</content>
public abstract partial class OperationSet
{
    /// <summary>Cuts images into patches: patches[n·P + i, (c, y, x)] ← images[n, c, …]. With the linear layer after it, this is the patch convolution.</summary>
    /// <param name="patches">[batch·patchesPerImage, patchLength].</param>
    /// <param name="images">[batch, channels, height, width].</param>
    /// <param name="shape">Sizes.</param>
    public void PatchesForward(Matrix patches, DeviceSpan<float> images, PatchShape shape)
    {
        CheckShape(shape);
        Check(patches, checked(shape.Batch * shape.PatchesPerImage), shape.PatchLength);
        Check(images, shape.Batch * shape.ImageLength);
        PatchesForwardCore(patches, images, shape);
    }

    /// <summary>imageGradient ← the gradient of the patches at their pixels; pixels outside every patch get 0.</summary>
    /// <param name="imageGradient">[batch, channels, height, width], overwritten.</param>
    /// <param name="patchGradient">[batch·patchesPerImage, patchLength].</param>
    /// <param name="shape">Sizes.</param>
    public void PatchesBackward(DeviceSpan<float> imageGradient, Matrix patchGradient, PatchShape shape)
    {
        CheckShape(shape);
        Check(patchGradient, checked(shape.Batch * shape.PatchesPerImage), shape.PatchLength);
        Check(imageGradient, shape.Batch * shape.ImageLength);
        PatchesBackwardCore(imageGradient, patchGradient, shape);
    }

    /// <summary>
    /// hidden[n, t] ← row t of [prefix; patches of sample n] + position[t − positionStart] (for t ≥ positionStart). The prefix is the
    /// class token and register tokens, the same for every sample.
    /// </summary>
    /// <param name="hidden">[batch·tokens, width], tokens = prefix rows + patches of a sample.</param>
    /// <param name="patches">[batch·patchesPerImage, width].</param>
    /// <param name="prefix">[prefixRows, width]; <c>default</c> for none.</param>
    /// <param name="positions">[tokens − positionStart, width].</param>
    /// <param name="positionStart">First token that has a position: 0, or the number of prefix rows (DINOv2 with registers).</param>
    /// <param name="batch">Number of samples.</param>
    public void AssembleTokensForward(Matrix hidden, Matrix patches, Matrix prefix, Matrix positions, int positionStart, int batch)
    {
        int prefixRows = prefix.IsNone ? 0 : prefix.Rows;
        int tokens = prefixRows + RowsOfEach(patches.Rows, batch);
        Check(hidden, checked(batch * tokens), patches.Columns);
        Check(patches, patches.Rows, patches.Columns);
        CheckPositionStart(positionStart, tokens);
        Check(prefix, prefixRows, patches.Columns, optional: true);
        Check(positions, tokens - positionStart, patches.Columns);
        if (batch == 0) return;
        AssembleTokensForwardCore(hidden, patches, prefix, positions, positionStart, batch, tokens);
    }

    /// <summary>Backward pass of <see cref="AssembleTokensForward"/>: patchGradient is overwritten, prefix and position gradients are reduced over samples and added to.</summary>
    /// <param name="patchGradient">[batch·patchesPerImage, width].</param>
    /// <param name="prefixGradient">[prefixRows, width]; <c>default</c> where frozen.</param>
    /// <param name="positionGradient">[tokens − positionStart, width]; <c>default</c> where frozen.</param>
    /// <param name="hiddenGradient">[batch·tokens, width].</param>
    /// <param name="positionStart">As in the forward pass.</param>
    /// <param name="reduction">How samples are put together.</param>
    /// <param name="batch">Number of samples.</param>
    public void AssembleTokensBackward(
        Matrix patchGradient, Matrix prefixGradient, Matrix positionGradient, Matrix hiddenGradient, int positionStart, GradientReduction reduction, int batch)
    {
        int tokens = RowsOfEach(hiddenGradient.Rows, batch), prefixRows = tokens - RowsOfEach(patchGradient.Rows, batch);
        if (prefixRows < 0) throw new ArgumentException($"{patchGradient.Rows} rows of patches cannot come from {hiddenGradient.Rows} rows of tokens.", nameof(patchGradient));
        if (batch == 0) return;
        Check(hiddenGradient, hiddenGradient.Rows, patchGradient.Columns);
        Check(patchGradient, patchGradient.Rows, patchGradient.Columns);
        CheckPositionStart(positionStart, tokens);
        Check(prefixGradient, prefixRows, patchGradient.Columns, optional: true);
        Check(positionGradient, tokens - positionStart, patchGradient.Columns, optional: true);
        AssembleTokensBackwardCore(patchGradient, prefixGradient, positionGradient, hiddenGradient, prefixRows, positionStart, reduction, batch, tokens);
    }

    /// <summary>hidden[r] ← table[ids[r]], or += when <paramref name="accumulate"/> (positions and token types on top of words).</summary>
    /// <param name="hidden">[rows, width].</param>
    /// <param name="ids">[rows], each in [0, table rows): the caller has checked them.</param>
    /// <param name="table">[vocabulary, width].</param>
    /// <param name="accumulate">Add instead of overwrite.</param>
    public void EmbeddingForward(Matrix hidden, DeviceSpan<int> ids, Matrix table, bool accumulate = false)
    {
        Check(hidden, hidden.Rows, table.Columns);
        Check(ids, hidden.Rows);
        Check(table, table.Rows, table.Columns);
        EmbeddingForwardCore(hidden, ids, table, accumulate);
    }

    /// <summary>tableGradient[id] += Σ of the rows with that id, reduced by sample: |Σ over one sample's rows| in the per-sample mode.</summary>
    /// <param name="tableGradient">[vocabulary, width], added to.</param>
    /// <param name="ids">[rows], as in the forward pass.</param>
    /// <param name="hiddenGradient">[rows, width].</param>
    /// <param name="reduction">How samples are put together.</param>
    /// <param name="rowsPerSample">Rows of one sample.</param>
    public void EmbeddingBackward(Matrix tableGradient, DeviceSpan<int> ids, Matrix hiddenGradient, GradientReduction reduction, int rowsPerSample)
    {
        CheckRowsPerSample(hiddenGradient.Rows, rowsPerSample);
        Check(tableGradient, tableGradient.Rows, hiddenGradient.Columns);
        Check(ids, hiddenGradient.Rows);
        Check(hiddenGradient, hiddenGradient.Rows, hiddenGradient.Columns);
        EmbeddingBackwardCore(tableGradient, ids, hiddenGradient, reduction, rowsPerSample);
    }

    private static void CheckShape(PatchShape shape)
    {
        if (shape.Batch < 0 || shape.Channels < 0 || shape.Height < 0 || shape.Width < 0 || shape.Patch < 1)
            throw new ArgumentException($"Images [{shape.Batch}, {shape.Channels}, {shape.Height}, {shape.Width}] cannot be cut into patches of {shape.Patch} by {shape.Patch} pixels.", nameof(shape));
    }

    private static void CheckPositionStart(int positionStart, int tokens)
    {
        if (positionStart < 0 || positionStart > tokens)
            throw new ArgumentOutOfRangeException(nameof(positionStart), positionStart, $"The first token with a position is one of {tokens}.");
    }

    protected abstract void PatchesForwardCore(Matrix patches, DeviceSpan<float> images, PatchShape shape);

    protected abstract void PatchesBackwardCore(DeviceSpan<float> imageGradient, Matrix patchGradient, PatchShape shape);

    protected abstract void AssembleTokensForwardCore(Matrix hidden, Matrix patches, Matrix prefix, Matrix positions, int positionStart, int batch, int tokens);

    protected abstract void AssembleTokensBackwardCore(
        Matrix patchGradient, Matrix prefixGradient, Matrix positionGradient, Matrix hiddenGradient, int prefixRows, int positionStart, GradientReduction reduction, int batch, int tokens);

    protected abstract void EmbeddingForwardCore(Matrix hidden, DeviceSpan<int> ids, Matrix table, bool accumulate);

    protected abstract void EmbeddingBackwardCore(Matrix tableGradient, DeviceSpan<int> ids, Matrix hiddenGradient, GradientReduction reduction, int rowsPerSample);
}
