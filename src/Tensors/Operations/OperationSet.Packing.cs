namespace MergeEngine.Tensors.Operations;

/// <content>Weights that are laid out once for many products.</content>
public abstract partial class OperationSet
{
    /// <summary>True where a packed weight is of use: the CPU. A GPU's products read weights as they are.</summary>
    public virtual bool PacksWeights => false;

    /// <summary>
    /// Bytes of a packed weight: those of its elements in the device's <see cref="Device.Precision"/>, the outputs rounded up to whole vectors.
    /// </summary>
    /// <param name="outputs">Rows of the weight.</param>
    /// <param name="inputs">Columns of the weight.</param>
    /// <exception cref="NotSupportedException">The device does not pack weights.</exception>
    public long PackedWeightBytes(int outputs, int inputs)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(outputs);
        ArgumentOutOfRangeException.ThrowIfNegative(inputs);
        return PackedWeightBytesCore(outputs, inputs);
    }

    /// <summary>Copies a weight into the order in which products read it, rounded to the device's <see cref="Device.Precision"/>.</summary>
    /// <param name="packed">Overwritten.</param>
    /// <param name="weight">[out, in].</param>
    /// <exception cref="NotSupportedException">The device does not pack weights.</exception>
    public void PackWeight(PackedWeight packed, Matrix weight)
    {
        CheckPacked(packed);
        Check(weight, packed.Outputs, packed.Inputs);
        if (packed.Outputs > 0 && packed.Inputs > 0) PackWeightCore(packed, weight);
    }

    /// <summary>
    /// Y ← act(X·Wᵀ + b) with a packed weight: products of few rows, as in answering one request, no longer pay for transposing it. In float32 it has
    /// the bits of the other overload from five rows on; the sums of fewer rows run in another order.
    /// </summary>
    /// <param name="output">Y [rows, out].</param>
    /// <param name="input">X [rows, in].</param>
    /// <param name="weight">W.</param>
    /// <param name="bias">b [out], optional.</param>
    /// <param name="activation">act.</param>
    /// <exception cref="NotSupportedException">The device does not pack weights.</exception>
    public void LinearForward(Matrix output, Matrix input, PackedWeight weight, DeviceSpan<float> bias = default, Activation activation = Activation.None)
    {
        CheckPacked(weight);
        Check(output, input.Rows, weight.Outputs);
        Check(input, input.Rows, weight.Inputs);
        Check(bias, weight.Outputs, optional: true);
        if (input.Rows > 0) LinearForwardCore(output, input, weight, bias, activation);
    }

    private void CheckPacked(PackedWeight packed) => Check(packed.Data, PackedWeightBytes(packed.Outputs, packed.Inputs), name: "packed");

    protected virtual long PackedWeightBytesCore(int outputs, int inputs) => throw NotPacked();

    protected virtual void PackWeightCore(PackedWeight packed, Matrix weight) => throw NotPacked();

    protected virtual void LinearForwardCore(Matrix output, Matrix input, PackedWeight weight, DeviceSpan<float> bias, Activation activation) => throw NotPacked();

    private NotSupportedException NotPacked() => new($"The device '{Device.Name}' multiplies weights as they are: packed weights are for the cpu.");
}
