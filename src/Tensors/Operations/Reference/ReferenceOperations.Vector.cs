namespace MergeEngine.Tensors.Operations.Reference;

/// <content>Arithmetic on flat vectors: the exact float32 sequence that the contract names, since these results are the same bits everywhere.</content>
public unsafe partial class ReferenceOperations
{
    protected override void FillCore(DeviceSpan<float> values, float value)
    {
        for (long i = 0; i < values.Length; i++) values.Pointer[i] = value;
    }

    protected override void CopyCore(DeviceSpan<float> output, DeviceSpan<float> source)
    {
        for (long i = 0; i < source.Length; i++) output.Pointer[i] = source.Pointer[i];
    }

    protected override void SubtractCore(DeviceSpan<float> output, DeviceSpan<float> a, DeviceSpan<float> b)
    {
        for (long i = 0; i < a.Length; i++) output.Pointer[i] = a.Pointer[i] - b.Pointer[i];
    }

    protected override void ScaleCore(DeviceSpan<float> values, float factor)
    {
        for (long i = 0; i < values.Length; i++) values.Pointer[i] *= factor;
    }

    protected override void WeightedSumCore(DeviceSpan<float> output, ReadOnlySpan<DeviceSpan<float>> inputs, ReadOnlySpan<float> weights)
    {
        for (long i = 0; i < output.Length; i++)
        {
            float sum = weights[0] * inputs[0].Pointer[i];
            for (int k = 1; k < inputs.Length; k++) sum = MathF.FusedMultiplyAdd(weights[k], inputs[k].Pointer[i], sum);
            output.Pointer[i] = sum;
        }
    }

    protected override void AddWeightedSumCore(
        DeviceSpan<float> output, DeviceSpan<float> origin, ReadOnlySpan<DeviceSpan<float>> inputs, ReadOnlySpan<float> weights, DeviceSpan<byte> mask)
    {
        for (long i = 0; i < output.Length; i++)
        {
            float sum = origin.Pointer[i];
            if (mask.IsNone || mask.Pointer[i] != 0)
            {
                for (int k = 0; k < inputs.Length; k++) sum = MathF.FusedMultiplyAdd(weights[k], inputs[k].Pointer[i], sum);
            }

            output.Pointer[i] = sum;
        }
    }

    protected override void ApplyMaskCore(DeviceSpan<float> output, DeviceSpan<float> input, DeviceSpan<byte> mask)
    {
        for (long i = 0; i < input.Length; i++) output.Pointer[i] = mask.Pointer[i] != 0 ? input.Pointer[i] : 0;
    }

    protected override void AccumulateAbsoluteCore(DeviceSpan<float> sum, DeviceSpan<float> values)
    {
        for (long i = 0; i < values.Length; i++) sum.Pointer[i] += MathF.Abs(values.Pointer[i]);
    }
}
