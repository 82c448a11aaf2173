namespace MergeEngine.Tensors.Operations.Reference;

/// <content>Merges in which every element has a weight of its own.</content>
public unsafe partial class ReferenceOperations
{
    protected override void MergeWeightedCore(
        DeviceSpan<float> output, DeviceSpan<float> origin, ReadOnlySpan<DeviceSpan<float>> inputs, ReadOnlySpan<DeviceSpan<float>> weights, ReadOnlySpan<double> factors, double floor)
    {
        for (long i = 0; i < output.Length; i++)
        {
            double start = origin.Pointer[i], sum = 0, total = 0;
            for (int k = 0; k < inputs.Length; k++)
            {
                double weight = weights[k].Pointer[i], c = factors[k] * (weight < floor ? floor : weight);
                sum = Math.FusedMultiplyAdd(c, inputs[k].Pointer[i] - start, sum);
                total += c;
            }

            output.Pointer[i] = sum == 0 || total == 0 ? origin.Pointer[i] : (float)(start + (sum / total));
        }
    }

    protected override void CompetitionScoresCore(DeviceSpan<double> scores, ReadOnlySpan<DeviceSpan<float>> vectors, ReadOnlySpan<CompetitionTerm> terms, int index)
    {
        for (long i = 0; i < scores.Length; i++) scores.Pointer[i] = terms[index].Score(vectors[index].Pointer[i], SharesAt(vectors, terms, i), terms.Length);
    }

    protected override void MergeCompetitionCore(
        DeviceSpan<float> output, DeviceSpan<float> origin, ReadOnlySpan<DeviceSpan<float>> vectors, ReadOnlySpan<CompetitionTerm> terms, double scale)
    {
        for (long i = 0; i < output.Length; i++)
        {
            double shares = SharesAt(vectors, terms, i), sum = 0, total = 0;
            for (int k = 0; k < vectors.Length; k++)
            {
                double value = vectors[k].Pointer[i], weight = terms[k].Weight(terms[k].Score(value, shares, terms.Length)), clipped = terms[k].Clip(Math.Abs(value));
                sum = Math.FusedMultiplyAdd(terms[k].Factor * weight, value > 0 ? clipped : value < 0 ? -clipped : value, sum);
                total += weight;
            }

            output.Pointer[i] = sum == 0 ? origin.Pointer[i] : (float)Math.FusedMultiplyAdd(scale, sum / (total < LeastCompetition ? LeastCompetition : total), origin.Pointer[i]);
        }
    }

    private static double SharesAt(ReadOnlySpan<DeviceSpan<float>> vectors, ReadOnlySpan<CompetitionTerm> terms, long i)
    {
        double sum = 0;
        for (int k = 0; k < vectors.Length; k++)
        {
            double value = vectors[k].Pointer[i], share = terms[k].Share(Math.Abs(value));
            sum += value > 0 ? share : value < 0 ? -share : value;
        }

        return sum;
    }
}
