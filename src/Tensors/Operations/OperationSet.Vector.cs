namespace MergeEngine.Tensors.Operations;

/// <content>Arithmetic on flat vectors. All element-wise results are the same bits on every device.</content>
public abstract partial class OperationSet
{
    /// <summary>values[i] ← value.</summary>
    public void Fill(DeviceSpan<float> values, float value)
    {
        Check(values, values.Length);
        FillCore(values, value);
    }

    /// <summary>output[i] ← source[i].</summary>
    /// <param name="output">[n].</param>
    /// <param name="source">Exactly n elements.</param>
    public void Copy(DeviceSpan<float> output, DeviceSpan<float> source)
    {
        Check(output, source.Length);
        Check(source, source.Length);
        CopyCore(output, source);
    }

    /// <summary>output[i] ← a[i] − b[i].</summary>
    /// <param name="output">[n]; may be a or b.</param>
    /// <param name="a">Exactly n elements.</param>
    /// <param name="b">[n].</param>
    public void Subtract(DeviceSpan<float> output, DeviceSpan<float> a, DeviceSpan<float> b)
    {
        Check(output, a.Length);
        Check(a, a.Length);
        Check(b, a.Length);
        SubtractCore(output, a, b);
    }

    /// <summary>values[i] ← values[i]·factor.</summary>
    public void Scale(DeviceSpan<float> values, float factor)
    {
        Check(values, values.Length);
        ScaleCore(values, factor);
    }

    /// <summary>
    /// output[i] ← Σ_k weights[k]·inputs[k][i], each input read once: r = weights[0]·x₀, then r = fma(weights[k], x_k, r) in the order
    /// given.
    /// </summary>
    /// <param name="output">Exactly n elements; may be an input.</param>
    /// <param name="inputs">At least one vector of [n].</param>
    /// <param name="weights">One for each input.</param>
    public void WeightedSum(DeviceSpan<float> output, ReadOnlySpan<DeviceSpan<float>> inputs, ReadOnlySpan<float> weights)
    {
        CheckInputs(inputs, weights.Length, output.Length);
        Check(output, output.Length);
        WeightedSumCore(output, inputs, weights);
    }

    /// <summary>
    /// output[i] ← origin[i] + (mask[i] ≠ 0 ? Σ_k weights[k]·inputs[k][i] : 0); r = origin, then r = fma(weights[k], x_k, r) in the order
    /// given. May alias origin or an input. A masked element keeps the origin's exact bits.
    /// </summary>
    /// <param name="output">[n].</param>
    /// <param name="origin">[n].</param>
    /// <param name="inputs">Vectors of [n].</param>
    /// <param name="weights">One for each input.</param>
    /// <param name="mask">[n] bytes; <c>default</c> keeps every element.</param>
    public void AddWeightedSum(
        DeviceSpan<float> output, DeviceSpan<float> origin, ReadOnlySpan<DeviceSpan<float>> inputs, ReadOnlySpan<float> weights, DeviceSpan<byte> mask = default)
    {
        CheckInputs(inputs, weights.Length, output.Length);
        Check(output, output.Length);
        Check(origin, output.Length);
        Check(mask, output.Length, optional: true);
        AddWeightedSumCore(output, origin, inputs, weights, mask);
    }

    /// <summary>output[i] ← mask[i] ≠ 0 ? input[i] : 0.</summary>
    /// <param name="output">[n]; may be the input.</param>
    /// <param name="input">Exactly n elements.</param>
    /// <param name="mask">[n] bytes.</param>
    public void ApplyMask(DeviceSpan<float> output, DeviceSpan<float> input, DeviceSpan<byte> mask)
    {
        Check(output, input.Length);
        Check(input, input.Length);
        Check(mask, input.Length);
        ApplyMaskCore(output, input, mask);
    }

    /// <summary>sum[i] += |values[i]|.</summary>
    /// <param name="sum">[n].</param>
    /// <param name="values">Exactly n elements.</param>
    public void AccumulateAbsolute(DeviceSpan<float> sum, DeviceSpan<float> values)
    {
        Check(sum, values.Length);
        Check(values, values.Length);
        AccumulateAbsoluteCore(sum, values);
    }

    protected abstract void FillCore(DeviceSpan<float> values, float value);

    protected abstract void CopyCore(DeviceSpan<float> output, DeviceSpan<float> source);

    protected abstract void SubtractCore(DeviceSpan<float> output, DeviceSpan<float> a, DeviceSpan<float> b);

    protected abstract void ScaleCore(DeviceSpan<float> values, float factor);

    protected abstract void WeightedSumCore(DeviceSpan<float> output, ReadOnlySpan<DeviceSpan<float>> inputs, ReadOnlySpan<float> weights);

    protected abstract void AddWeightedSumCore(
        DeviceSpan<float> output, DeviceSpan<float> origin, ReadOnlySpan<DeviceSpan<float>> inputs, ReadOnlySpan<float> weights, DeviceSpan<byte> mask);

    protected abstract void ApplyMaskCore(DeviceSpan<float> output, DeviceSpan<float> input, DeviceSpan<byte> mask);

    protected abstract void AccumulateAbsoluteCore(DeviceSpan<float> sum, DeviceSpan<float> values);

    private protected void CheckInputs(ReadOnlySpan<DeviceSpan<float>> inputs, int weights, long length)
    {
        if (inputs.Length == 0) throw new ArgumentException("At least one input vector is needed.", nameof(inputs));
        if (inputs.Length != weights) throw new ArgumentException($"{inputs.Length} input vectors come with {weights} weights.", nameof(inputs));
        foreach (DeviceSpan<float> input in inputs) Check(input, length, name: nameof(inputs));
    }
}
