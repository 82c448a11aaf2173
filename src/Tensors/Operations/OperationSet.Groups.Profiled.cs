namespace MergeEngine.Tensors.Operations;

/// <content>What the operations of <c>OperationSet.Groups.cs</c> have to compute, or to read and write.</content>
public abstract partial class OperationSet
{
    private sealed partial class Profiled
    {
        protected override void CombineGroupsCore(DeviceSpan<float> output, ReadOnlySpan<DeviceSpan<float>> inputs, DeviceSpan<double> coefficients, long groups, long runLength)
        {
            long start = profile.Begin();
            inner.CombineGroupsCore(output, inputs, coefficients, groups, runLength);
            profile.End(start, nameof(CombineGroups), Pass((inputs.Length + 1) * output.Length));
        }

        protected override void RowProductsCore(DeviceSpan<double> products, ReadOnlySpan<DeviceSpan<float>> vectors, long rowLength)
        {
            long start = profile.Begin();
            inner.RowProductsCore(products, vectors, rowLength);
            profile.End(start, nameof(RowProducts), Vectors(vectors));
        }

        protected override void AccumulateColumnProductsCore(DeviceSpan<double> products, ReadOnlySpan<DeviceSpan<float>> vectors, long columns, long firstRow)
        {
            long start = profile.Begin();
            inner.AccumulateColumnProductsCore(products, vectors, columns, firstRow);
            profile.End(start, nameof(AccumulateColumnProducts), Vectors(vectors));
        }

        protected override void RowDivergenceCore(DeviceSpan<double> divergences, DeviceSpan<float> values, DeviceSpan<float> origin, long rowLength, double floor)
        {
            long start = profile.Begin();
            inner.RowDivergenceCore(divergences, values, origin, rowLength, floor);
            profile.End(start, nameof(RowDivergence), Pass(2 * values.Length));
        }

        protected override void NearSwapCore(DeviceSpan<float> output, DeviceSpan<float> origin, DeviceSpan<float> values, float reach)
        {
            long start = profile.Begin();
            inner.NearSwapCore(output, origin, values, reach);
            profile.End(start, nameof(NearSwap), Pass(3 * output.Length));
        }
    }
}
