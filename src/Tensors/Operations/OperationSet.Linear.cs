namespace MergeEngine.Tensors.Operations;

/// <content>Matrix products and the linear layer.</content>
public abstract partial class OperationSet
{
    /// <summary>C ← α·op(A)·op(B) + β·C, row-major. With β = 0 the old content of C is not read.</summary>
    /// <param name="c">[m, n].</param>
    /// <param name="a">[m, k], or [k, m] when <paramref name="transposeA"/>.</param>
    /// <param name="b">[k, n], or [n, k] when <paramref name="transposeB"/>.</param>
    /// <param name="transposeA">op(A) = Aᵀ.</param>
    /// <param name="transposeB">op(B) = Bᵀ.</param>
    /// <param name="alpha">α.</param>
    /// <param name="beta">β.</param>
    public void MatrixProduct(Matrix c, Matrix a, Matrix b, bool transposeA = false, bool transposeB = false, float alpha = 1, float beta = 0)
    {
        int k = transposeA ? a.Rows : a.Columns;
        Check(a, transposeA ? k : c.Rows, transposeA ? c.Rows : k);
        Check(b, transposeB ? c.Columns : k, transposeB ? k : c.Columns);
        Check(c, c.Rows, c.Columns);
        if (c.Rows == 0 || c.Columns == 0) return;
        MatrixProductCore(c, a, b, transposeA, transposeB, alpha, beta);
    }

    /// <summary>Y ← act(X·Wᵀ + b), bias and activation fused into the product.</summary>
    /// <param name="output">Y [rows, out].</param>
    /// <param name="input">X [rows, in].</param>
    /// <param name="weight">W [out, in], as checkpoints store it.</param>
    /// <param name="bias">b [out], optional.</param>
    /// <param name="activation">act.</param>
    /// <param name="preActivation">[rows, out]: X·Wᵀ + b, kept for the backward pass; optional.</param>
    public void LinearForward(
        Matrix output, Matrix input, Matrix weight, DeviceSpan<float> bias = default, Activation activation = Activation.None, Matrix preActivation = default)
    {
        Check(output, input.Rows, weight.Rows);
        Check(input, input.Rows, weight.Columns);
        Check(bias, weight.Rows, optional: true);
        Check(preActivation, input.Rows, weight.Rows, optional: true);
        if (input.Rows == 0) return;
        LinearForwardCore(output, input, weight, bias, activation, preActivation);
    }

    /// <summary>dX ← (dY·W) ⊙ act′(preActivation), or dX += when <paramref name="accumulate"/>.</summary>
    /// <param name="inputGradient">dX [rows, in].</param>
    /// <param name="outputGradient">dY [rows, out], the gradient of X·Wᵀ + b.</param>
    /// <param name="weight">W [out, in].</param>
    /// <param name="accumulate">Add to dX.</param>
    /// <param name="activation">The activation that made X from <paramref name="preActivation"/>; its derivative is fused.</param>
    /// <param name="preActivation">[rows, in]; needed unless the activation is <see cref="Activation.None"/>.</param>
    public void LinearBackwardInput(
        Matrix inputGradient, Matrix outputGradient, Matrix weight, bool accumulate = false, Activation activation = Activation.None, Matrix preActivation = default)
    {
        Check(inputGradient, outputGradient.Rows, weight.Columns);
        Check(outputGradient, outputGradient.Rows, weight.Rows);
        Check(preActivation, outputGradient.Rows, weight.Columns, optional: activation == Activation.None);
        if (outputGradient.Rows == 0) return;
        LinearBackwardInputCore(inputGradient, outputGradient, weight, accumulate, activation, preActivation);
    }

    /// <summary>
    /// <see cref="GradientReduction.Sum"/>: dW += dYᵀ·X, db += Σ rows of dY.
    /// <see cref="GradientReduction.AbsolutePerSample"/>: dW += Σ_s |dY_sᵀ·X_s|, db += Σ_s |Σ rows of dY_s|, where sample s has
    /// <paramref name="rowsPerSample"/> consecutive rows; the product of one sample is never stored.
    /// </summary>
    /// <param name="weightGradient">dW [out, in]; <c>default</c> for a frozen weight.</param>
    /// <param name="biasGradient">db [out]; <c>default</c> for no or a frozen bias.</param>
    /// <param name="outputGradient">dY [rows, out].</param>
    /// <param name="input">X [rows, in].</param>
    /// <param name="reduction">How samples are put together.</param>
    /// <param name="rowsPerSample">Rows of one sample.</param>
    public void LinearBackwardWeight(
        Matrix weightGradient, DeviceSpan<float> biasGradient, Matrix outputGradient, Matrix input, GradientReduction reduction, int rowsPerSample)
    {
        CheckRowsPerSample(outputGradient.Rows, rowsPerSample);
        Check(weightGradient, outputGradient.Columns, input.Columns, optional: true);
        Check(biasGradient, outputGradient.Columns, optional: true);
        Check(outputGradient, input.Rows, outputGradient.Columns);
        Check(input, input.Rows, input.Columns);
        if (input.Rows == 0) return;
        LinearBackwardWeightCore(weightGradient, biasGradient, outputGradient, input, reduction, rowsPerSample);
    }

    protected abstract void MatrixProductCore(Matrix c, Matrix a, Matrix b, bool transposeA, bool transposeB, float alpha, float beta);

    protected abstract void LinearForwardCore(Matrix output, Matrix input, Matrix weight, DeviceSpan<float> bias, Activation activation, Matrix preActivation);

    protected abstract void LinearBackwardInputCore(
        Matrix inputGradient, Matrix outputGradient, Matrix weight, bool accumulate, Activation activation, Matrix preActivation);

    protected abstract void LinearBackwardWeightCore(
        Matrix weightGradient, DeviceSpan<float> biasGradient, Matrix outputGradient, Matrix input, GradientReduction reduction, int rowsPerSample);
}
