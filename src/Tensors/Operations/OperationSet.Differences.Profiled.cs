namespace MergeEngine.Tensors.Operations;

/// <content>What the operations of <c>OperationSet.Differences.cs</c> have to compute, or to read and write.</content>
public abstract partial class OperationSet
{
    private sealed partial class Profiled
    {
        protected override void MergeDifferencesCore(
            DeviceSpan<float> output, DeviceSpan<float> origin, ReadOnlySpan<DeviceSpan<float>> inputs, ReadOnlySpan<DifferenceTerm> terms, DifferenceRule rule, double scale, long firstIndex)
        {
            long start = profile.Begin();
            inner.MergeDifferencesCore(output, origin, inputs, terms, rule, scale, firstIndex);
            profile.End(start, nameof(MergeDifferences), Differences(output.Length, terms));
        }

        protected override void VarianceCore(DeviceSpan<float> output, ReadOnlySpan<DeviceSpan<float>> inputs)
        {
            long start = profile.Begin();
            inner.VarianceCore(output, inputs);
            profile.End(start, nameof(Variance), Pass((inputs.Length + 1) * output.Length));
        }

        protected override void RankedMaskCore(DeviceSpan<byte> mask, DeviceSpan<float> values, DeviceSpan<float> origin, int columns, ulong key, double first, double step, long firstIndex)
        {
            long start = profile.Begin();
            inner.RankedMaskCore(mask, values, origin, columns, key, first, step, firstIndex);
            profile.End(start, nameof(RankedMask), origin.IsNone ? Mask(values.Length) : Bytes(((2 * sizeof(float)) + 1.0) * values.Length));
        }
    }
}
