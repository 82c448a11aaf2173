namespace MergeEngine.Tensors.Operations;

/// <content>From the tokens of a sample to one row.</content>
public abstract partial class OperationSet
{
    /// <summary>output[n] ← mean over tokens t ≥ <paramref name="firstToken"/> of sample n that the mask shows; 0 if it shows none.</summary>
    /// <param name="output">[batch, width].</param>
    /// <param name="hidden">[batch·tokens, width].</param>
    /// <param name="firstToken">Tokens before it (class, registers) are left out.</param>
    /// <param name="mask">[batch, tokens]: 0 leaves a token out; optional.</param>
    public void MeanPoolForward(Matrix output, Matrix hidden, int firstToken = 0, DeviceSpan<int> mask = default)
    {
        int tokens = RowsOfEach(hidden.Rows, output.Rows);
        ArgumentOutOfRangeException.ThrowIfNegative(firstToken);
        Check(output, output.Rows, hidden.Columns);
        Check(hidden, hidden.Rows, hidden.Columns);
        Check(mask, hidden.Rows, optional: true);
        if (output.Rows == 0) return;
        MeanPoolForwardCore(output, hidden, firstToken, mask, tokens);
    }

    /// <summary>hiddenGradient ← the pooled gradient, shared by the tokens that were averaged; 0 for the others.</summary>
    /// <param name="hiddenGradient">[batch·tokens, width], overwritten.</param>
    /// <param name="outputGradient">[batch, width].</param>
    /// <param name="firstToken">As in the forward pass.</param>
    /// <param name="mask">As in the forward pass.</param>
    public void MeanPoolBackward(Matrix hiddenGradient, Matrix outputGradient, int firstToken = 0, DeviceSpan<int> mask = default)
    {
        int tokens = RowsOfEach(hiddenGradient.Rows, outputGradient.Rows);
        ArgumentOutOfRangeException.ThrowIfNegative(firstToken);
        Check(outputGradient, outputGradient.Rows, hiddenGradient.Columns);
        Check(hiddenGradient, hiddenGradient.Rows, hiddenGradient.Columns);
        Check(mask, hiddenGradient.Rows, optional: true);
        if (outputGradient.Rows == 0) return;
        MeanPoolBackwardCore(hiddenGradient, outputGradient, firstToken, mask, tokens);
    }

    protected abstract void MeanPoolForwardCore(Matrix output, Matrix hidden, int firstToken, DeviceSpan<int> mask, int tokens);

    protected abstract void MeanPoolBackwardCore(Matrix hiddenGradient, Matrix outputGradient, int firstToken, DeviceSpan<int> mask, int tokens);
}
