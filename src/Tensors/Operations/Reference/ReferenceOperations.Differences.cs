using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Tensors.Operations.Reference;

/// <content>Differences from a base, put together.</content>
public unsafe partial class ReferenceOperations
{
    protected override void MergeDifferencesCore(
        DeviceSpan<float> output, DeviceSpan<float> origin, ReadOnlySpan<DeviceSpan<float>> inputs, ReadOnlySpan<DifferenceTerm> terms,
        DifferenceRule rule, double scale, long firstIndex)
    {
        var counted = new float[inputs.Length];
        for (long i = 0; i < output.Length; i++)
        {
            float start = origin.Pointer[i];
            for (int k = 0; k < counted.Length; k++)
            {
                float difference = inputs[k].Pointer[i] - start;
                bool masked = !terms[k].Mask.IsNone && terms[k].Mask.Pointer[i] == 0;
                counted[k] = !masked && terms[k].Counts(difference, firstIndex + i) ? difference : 0;
            }

            double merged = Merge(counted, terms, rule);
            output.Pointer[i] = merged == 0 ? start : (float)Math.FusedMultiplyAdd(scale, merged, start);
        }
    }

    protected override void VarianceCore(DeviceSpan<float> output, ReadOnlySpan<DeviceSpan<float>> inputs)
    {
        double count = inputs.Length;
        for (long i = 0; i < output.Length; i++)
        {
            double first = inputs[0].Pointer[i], sum = 0, squares = 0;
            for (int k = 1; k < inputs.Length; k++)
            {
                double t = inputs[k].Pointer[i] - first;
                sum += t;
                squares = Math.FusedMultiplyAdd(t, t, squares);
            }

            double variance = (squares - (sum * sum / count)) / count;
            output.Pointer[i] = variance <= 0 ? 0 : (float)variance;
        }
    }

    protected override void RankedMaskCore(DeviceSpan<byte> mask, DeviceSpan<float> values, DeviceSpan<float> origin, int columns, ulong key, double first, double step, long firstIndex)
    {
        var order = new int[columns];
        var x = new float[columns];
        for (long row = 0; row < values.Length; row += columns)
        {
            for (int i = 0; i < columns; i++) (order[i], x[i]) = (i, origin.IsNone ? values.Pointer[row + i] : values.Pointer[row + i] - origin.Pointer[row + i]);
            Array.Sort(order, (a, b) => Bits(x[a]) != Bits(x[b]) ? Bits(x[a]).CompareTo(Bits(x[b])) : b.CompareTo(a));
            for (int rank = 0; rank < columns; rank++)
            {
                ulong index = (ulong)(firstIndex + row + order[rank]);
                mask.Pointer[row + order[rank]] = Philox.Word(key, index) < Math.FusedMultiplyAdd(rank, step, first) ? (byte)1 : (byte)0;
            }
        }

        static uint Bits(float x) => BitConverter.SingleToUInt32Bits(x) & 0x7FFF_FFFF;
    }

    private static double Merge(float[] v, ReadOnlySpan<DifferenceTerm> terms, DifferenceRule rule)
    {
        bool elects = rule is DifferenceRule.Elected or DifferenceRule.ElectedMean or DifferenceRule.ElectedLargest;
        double votes = 0, sum = 0, weights = 0;
        for (int k = 0; k < v.Length; k++) votes = Math.FusedMultiplyAdd(terms[k].Vote, v[k], votes);
        if (elects && double.IsNaN(votes)) return votes;

        int owners = 0;
        float largest = 0;
        for (int k = 0; k < v.Length; k++)
        {
            double vote = Math.Sign(terms[k].Vote) * (double)v[k];
            if (elects && !(votes >= 0 ? vote > 0 : vote < 0)) continue;
            sum = Math.FusedMultiplyAdd(terms[k].Factor, v[k], sum);
            if (v[k] == 0) continue;
            weights += terms[k].Weight;
            owners++;
            if (Math.Abs(v[k]) > Math.Abs(largest)) largest = v[k];
        }

        return rule switch
        {
            DifferenceRule.Sum or DifferenceRule.Elected => sum,
            DifferenceRule.ElectedMean => weights == 0 ? sum : sum / weights,
            DifferenceRule.SharedMean => owners == 1 ? votes : weights == 0 ? sum : sum / weights,
            _ => largest,
        };
    }
}
