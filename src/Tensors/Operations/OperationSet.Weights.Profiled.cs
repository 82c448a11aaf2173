namespace MergeEngine.Tensors.Operations;

/// <content>What the operations of <c>OperationSet.Weights.cs</c> have to compute, or to read and write.</content>
public abstract partial class OperationSet
{
    private sealed partial class Profiled
    {
        protected override void MergeWeightedCore(
            DeviceSpan<float> output, DeviceSpan<float> origin, ReadOnlySpan<DeviceSpan<float>> inputs, ReadOnlySpan<DeviceSpan<float>> weights, ReadOnlySpan<double> factors, double floor)
        {
            long start = profile.Begin();
            inner.MergeWeightedCore(output, origin, inputs, weights, factors, floor);
            profile.End(start, nameof(MergeWeighted), Pass(((2 * inputs.Length) + 2) * output.Length));
        }

        protected override void CompetitionScoresCore(DeviceSpan<double> scores, ReadOnlySpan<DeviceSpan<float>> vectors, ReadOnlySpan<CompetitionTerm> terms, int index)
        {
            long start = profile.Begin();
            inner.CompetitionScoresCore(scores, vectors, terms, index);
            profile.End(start, nameof(CompetitionScores), Bytes(Vectors(vectors).Bytes + (sizeof(double) * (double)scores.Length)));
        }

        protected override void MergeCompetitionCore(
            DeviceSpan<float> output, DeviceSpan<float> origin, ReadOnlySpan<DeviceSpan<float>> vectors, ReadOnlySpan<CompetitionTerm> terms, double scale)
        {
            long start = profile.Begin();
            inner.MergeCompetitionCore(output, origin, vectors, terms, scale);
            profile.End(start, nameof(MergeCompetition), Pass((vectors.Length + 2) * output.Length));
        }
    }
}
