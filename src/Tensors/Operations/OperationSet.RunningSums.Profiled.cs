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
    }
}
