namespace MergeEngine.Tensors.Operations.Reference;

/// <content>Statistics over flat vectors.</content>
public unsafe partial class ReferenceOperations
{
    protected override double DotCore(DeviceSpan<float> a, DeviceSpan<float> b)
    {
        double sum = 0;
        for (long i = 0; i < a.Length; i++) sum += (double)a.Pointer[i] * b.Pointer[i];
        return sum;
    }

    protected override void SquaredNormCore(DeviceSpan<double> result, DeviceSpan<float> values) => result.Pointer[0] = DotCore(values, values);

    protected override double SumCore(DeviceSpan<float> values)
    {
        double sum = 0;
        for (long i = 0; i < values.Length; i++) sum += values.Pointer[i];
        return sum;
    }

    protected override double AbsoluteSumCore(DeviceSpan<float> values)
    {
        double sum = 0;
        for (long i = 0; i < values.Length; i++) sum += Math.Abs(values.Pointer[i]);
        return sum;
    }

    protected override long CountAnyNonzeroCore(ReadOnlySpan<DeviceSpan<float>> vectors)
    {
        long count = 0;
        for (long i = 0; i < vectors[0].Length; i++)
        {
            bool any = false;
            foreach (DeviceSpan<float> vector in vectors) any |= vector.Pointer[i] != 0;
            count += any ? 1 : 0;
        }

        return count;
    }

    protected override long CountMaskedCore(DeviceSpan<byte> mask)
    {
        long count = 0;
        for (long i = 0; i < mask.Length; i++) count += mask.Pointer[i] == 0 ? 1 : 0;
        return count;
    }

    protected override (long Agreeing, long Compared) SignAgreementCore(ReadOnlySpan<DeviceSpan<float>> vectors, bool countSingles)
    {
        long agreeing = 0, compared = 0;
        for (long i = 0; i < vectors[0].Length; i++)
        {
            int positive = 0, negative = 0;
            foreach (DeviceSpan<float> vector in vectors)
            {
                positive += vector.Pointer[i] > 0 ? 1 : 0;
                negative += vector.Pointer[i] < 0 ? 1 : 0;
            }

            if (positive + negative < (countSingles || vectors.Length == 1 ? 1 : 2)) continue;
            compared++;
            agreeing += positive == 0 || negative == 0 ? 1 : 0;
        }

        return (agreeing, compared);
    }

    public override bool SearchesDifferences => true;

    protected override (long Found, long Above) CollectMagnitudesCore(Span<ulong> found, DeviceSpan<float> values, DeviceSpan<float> origin, MagnitudeRange range, long firstIndex)
    {
        int count = 0;
        long above = 0;
        for (long i = 0; i < values.Length; i++)
        {
            uint key = Key(values, origin, i);
            if (key > range.Largest && key <= 0x7F80_0000) above++;
            if (key < range.Smallest || key > range.Largest) continue;
            if (count < found.Length) found[count] = ((ulong)(key - range.Smallest) << CollectedMagnitude.IndexBits) | (ulong)(CollectedMagnitude.LastIndex - firstIndex - i);
            count++;
        }

        return (count, above);
    }

    private static uint Key(DeviceSpan<float> values, DeviceSpan<float> origin, long i) =>
        BitConverter.SingleToUInt32Bits(origin.IsNone ? values.Pointer[i] : values.Pointer[i] - origin.Pointer[i]) & 0x7FFF_FFFF;

    protected override void MagnitudeHistogramCore(Span<long> counts, DeviceSpan<float> values, DeviceSpan<float> origin, uint prefix, int prefixBits, int digitBits)
    {
        uint mask = (1u << digitBits) - 1;
        for (long i = 0; i < values.Length; i++)
        {
            uint key = Key(values, origin, i);
            if (key <= 0x7F80_0000 && key >> (31 - prefixBits) == prefix) counts[(int)((key >> (31 - prefixBits - digitBits)) & mask)]++;
        }
    }

    protected override void KeyHistogramCore(Span<long> counts, DeviceSpan<double> keys, ulong prefix, int prefixBits, int digitBits)
    {
        ulong mask = (1ul << digitBits) - 1;
        for (long i = 0; i < keys.Length; i++)
        {
            if (!(keys.Pointer[i] >= 0)) continue;
            ulong key = BitConverter.DoubleToUInt64Bits(keys.Pointer[i]) & 0x7FFF_FFFF_FFFF_FFFF;
            if (key >> (63 - prefixBits) == prefix) counts[(int)((key >> (63 - prefixBits - digitBits)) & mask)]++;
        }
    }

    protected override long FindMagnitudeCore(DeviceSpan<float> values, float magnitude, ref long ordinal)
    {
        for (long i = 0; i < values.Length; i++)
        {
            if (Math.Abs(values.Pointer[i]) == magnitude && ordinal-- == 0) return i;
        }

        return -1;
    }

    protected override long FindKeyCore(DeviceSpan<double> keys, double key, ref long ordinal)
    {
        for (long i = 0; i < keys.Length; i++)
        {
            if (keys.Pointer[i] == key && ordinal-- == 0) return i;
        }

        return -1;
    }
}
