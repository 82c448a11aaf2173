namespace MergeEngine.Tensors.Operations;

/// <content>What the operations of <c>OperationSet.Vector.cs</c> have to compute, or to read and write.</content>
public abstract partial class OperationSet
{
    private sealed partial class Profiled
    {
        protected override void FillCore(DeviceSpan<float> values, float value)
        {
            long start = profile.Begin();
            inner.FillCore(values, value);
            profile.End(start, nameof(Fill), Pass(values.Length));
        }

        protected override void CopyCore(DeviceSpan<float> output, DeviceSpan<float> source)
        {
            long start = profile.Begin();
            inner.CopyCore(output, source);
            profile.End(start, nameof(Copy), Pass(2 * source.Length));
        }

        protected override void SubtractCore(DeviceSpan<float> output, DeviceSpan<float> a, DeviceSpan<float> b)
        {
            long start = profile.Begin();
            inner.SubtractCore(output, a, b);
            profile.End(start, nameof(Subtract), Pass(3 * a.Length));
        }

        protected override void ScaleCore(DeviceSpan<float> values, float factor)
        {
            long start = profile.Begin();
            inner.ScaleCore(values, factor);
            profile.End(start, nameof(Scale), Pass(2 * values.Length));
        }

        protected override void WeightedSumCore(DeviceSpan<float> output, ReadOnlySpan<DeviceSpan<float>> inputs, ReadOnlySpan<float> weights)
        {
            long start = profile.Begin();
            inner.WeightedSumCore(output, inputs, weights);
            profile.End(start, nameof(WeightedSum), Pass((inputs.Length + 1) * output.Length));
        }

        protected override void AddWeightedSumCore(
            DeviceSpan<float> output, DeviceSpan<float> origin, ReadOnlySpan<DeviceSpan<float>> inputs, ReadOnlySpan<float> weights, DeviceSpan<byte> mask)
        {
            long start = profile.Begin();
            inner.AddWeightedSumCore(output, origin, inputs, weights, mask);
            profile.End(start, nameof(AddWeightedSum), Bytes((sizeof(float) * (inputs.Length + 2.0) * output.Length) + mask.Length));
        }

        protected override void ApplyMaskCore(DeviceSpan<float> output, DeviceSpan<float> input, DeviceSpan<byte> mask)
        {
            long start = profile.Begin();
            inner.ApplyMaskCore(output, input, mask);
            profile.End(start, nameof(ApplyMask), Bytes((2 * sizeof(float) + 1) * (double)input.Length));
        }

        protected override void AccumulateAbsoluteCore(DeviceSpan<float> sum, DeviceSpan<float> values)
        {
            long start = profile.Begin();
            inner.AccumulateAbsoluteCore(sum, values);
            profile.End(start, nameof(AccumulateAbsolute), Pass(3 * sum.Length));
        }
    }
}
