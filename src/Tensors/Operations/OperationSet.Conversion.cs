using System.Runtime.CompilerServices;

namespace MergeEngine.Tensors.Operations;

/// <content>
/// Arithmetic on vectors in the dtypes of files, one pass each: elements become float32 when they are loaded (F64 is rounded, the others are
/// exact), results are rounded once, to nearest even, when they are stored. All results are the same bits on every device, NaN included.
/// </content>
public abstract partial class OperationSet
{
    /// <summary>
    /// output[i] ← input[i] in the output's dtype, by way of float32; equal dtypes keep every bit. A NaN stays one: it keeps its sign and the upper
    /// bits of its payload and becomes quiet. What is too large becomes infinity.
    /// </summary>
    /// <param name="output">[n]; may be the input where the dtypes are equal.</param>
    /// <param name="input">Exactly n elements.</param>
    public void Convert(StoredVector output, StoredVector input)
    {
        Check(output, input.Length);
        Check(input, input.Length);
        ConvertCore(output, input);
    }

    /// <summary>
    /// output[i] ← Σ_k weights[k]·inputs[k][i], each input read once: r = weights[0]·x₀, then r = fma(weights[k], x_k, r) in float32 in the
    /// order given, rounded once. A sum that is NaN is stored as the positive quiet NaN without payload.
    /// </summary>
    /// <param name="output">Exactly n elements; may be an input of the same dtype.</param>
    /// <param name="inputs">At least one vector of [n], of any arithmetic dtypes.</param>
    /// <param name="weights">One for each input.</param>
    public void WeightedSum(StoredVector output, ReadOnlySpan<StoredVector> inputs, ReadOnlySpan<float> weights)
    {
        CheckInputs(inputs, weights.Length, output.Length);
        Check(output, output.Length);
        AddWeightedSumCore(output, default, inputs, weights, default);
    }

    /// <summary>
    /// output[i] ← origin[i] + (mask[i] ≠ 0 ? Σ_k weights[k]·inputs[k][i] : 0); r = origin, then r = fma(weights[k], x_k, r) in float32 in the order
    /// given, rounded once. A sum that is NaN is stored as the positive quiet NaN without payload; an element that the mask leaves out is the
    /// origin's, converted by way of float32. May alias the origin or an input of the output's dtype.
    /// </summary>
    /// <param name="output">[n].</param>
    /// <param name="origin">[n].</param>
    /// <param name="inputs">Vectors of [n] in any of the dtypes.</param>
    /// <param name="weights">One for each input.</param>
    /// <param name="mask">[n] bytes; <c>default</c> keeps every element.</param>
    public void AddWeightedSum(
        StoredVector output, StoredVector origin, ReadOnlySpan<StoredVector> inputs, ReadOnlySpan<float> weights, DeviceSpan<byte> mask = default)
    {
        CheckInputs(inputs, weights.Length, output.Length);
        Check(output, output.Length);
        Check(origin, output.Length);
        Check(mask, output.Length, optional: true);
        AddWeightedSumCore(output, origin, inputs, weights, mask);
    }

    protected abstract void ConvertCore(StoredVector output, StoredVector input);

    /// <summary>The origin may be <c>default</c>: none, and then there is no mask.</summary>
    protected abstract void AddWeightedSumCore(
        StoredVector output, StoredVector origin, ReadOnlySpan<StoredVector> inputs, ReadOnlySpan<float> weights, DeviceSpan<byte> mask);

    private void Check(StoredVector vector, long length, [CallerArgumentExpression(nameof(vector))] string name = "")
    {
        Check(vector.Bytes, 0, name: name);
        if (vector.Length < length) ThrowShort(name, vector.Length, length);
    }

    private void CheckInputs(ReadOnlySpan<StoredVector> inputs, int weights, long length)
    {
        if (inputs.Length == 0) throw new ArgumentException("At least one input vector is needed.", nameof(inputs));
        if (inputs.Length != weights) throw new ArgumentException($"{inputs.Length} input vectors come with {weights} weights.", nameof(inputs));
        foreach (StoredVector input in inputs) Check(input, length, nameof(inputs));
    }
}
