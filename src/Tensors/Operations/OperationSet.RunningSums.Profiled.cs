namespace MergeEngine.Tensors.Operations;

/// <content>What the operations of <c>OperationSet.RunningSums.cs</c> have to compute, or to read and write.</content>
public abstract partial class OperationSet
{
    private sealed partial class Profiled
    {
        protected override void AccumulateSumsCore(DeviceSpan<double> sums, ReadOnlySpan<DeviceSpan<float>> vectors, long firstIndex, SumTerms terms)
        {
            long start = profile.Begin();
            inner.AccumulateSumsCore(sums, vectors, firstIndex, terms);
            profile.End(start, nameof(AccumulateSums), Vectors(vectors));
        }

        protected override void AccumulateThinnedSumsCore(
            DeviceSpan<double> sums, DeviceSpan<float> values, DeviceSpan<float> origin, in DifferenceTerm term, long firstIndex, SumTerms terms, bool withWhole)
        {
            long start = profile.Begin();
            inner.AccumulateThinnedSumsCore(sums, values, origin, term, firstIndex, terms, withWhole);
            profile.End(start, nameof(AccumulateThinnedSums), Pass(2 * values.Length));
        }

        protected override void AccumulateRankedSumsCore(
            DeviceSpan<double> sums, DeviceSpan<byte> mask, DeviceSpan<float> values, DeviceSpan<float> origin, int columns, ulong key, double first, double step, long firstIndex)
        {
            long start = profile.Begin();
            inner.AccumulateRankedSumsCore(sums, mask, values, origin, columns, key, first, step, firstIndex);
            profile.End(start, nameof(AccumulateRankedSums), Bytes(((2 * sizeof(float)) + 1.0) * values.Length));
        }
    }
}
