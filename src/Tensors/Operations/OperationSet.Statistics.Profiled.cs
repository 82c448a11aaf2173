namespace MergeEngine.Tensors.Operations;

/// <content>What the operations of <c>OperationSet.Statistics.cs</c> have to compute, or to read and write.</content>
public abstract partial class OperationSet
{
    private sealed partial class Profiled
    {
        protected override double DotCore(DeviceSpan<float> a, DeviceSpan<float> b)
        {
            long start = profile.Begin();
            double result = inner.DotCore(a, b);
            profile.End(start, nameof(Dot), Pass(2 * a.Length));
            return result;
        }

        protected override void SquaredNormCore(DeviceSpan<double> result, DeviceSpan<float> values)
        {
            long start = profile.Begin();
            inner.SquaredNormCore(result, values);
            profile.End(start, nameof(SquaredNorm), Pass(values.Length));
        }

        protected override double SumCore(DeviceSpan<float> values)
        {
            long start = profile.Begin();
            double result = inner.SumCore(values);
            profile.End(start, nameof(Sum), Pass(values.Length));
            return result;
        }

        protected override double AbsoluteSumCore(DeviceSpan<float> values)
        {
            long start = profile.Begin();
            double result = inner.AbsoluteSumCore(values);
            profile.End(start, nameof(AbsoluteSum), Pass(values.Length));
            return result;
        }

        protected override long CountAnyNonzeroCore(ReadOnlySpan<DeviceSpan<float>> vectors)
        {
            long start = profile.Begin();
            long result = inner.CountAnyNonzeroCore(vectors);
            profile.End(start, nameof(CountAnyNonzero), Vectors(vectors));
            return result;
        }

        protected override long CountMaskedCore(DeviceSpan<byte> mask)
        {
            long start = profile.Begin();
            long result = inner.CountMaskedCore(mask);
            profile.End(start, nameof(CountMasked), Bytes(mask.Length));
            return result;
        }

        protected override (long Agreeing, long Compared) SignAgreementCore(ReadOnlySpan<DeviceSpan<float>> vectors, bool countSingles)
        {
            long start = profile.Begin();
            var result = inner.SignAgreementCore(vectors, countSingles);
            profile.End(start, nameof(SignAgreement), Vectors(vectors));
            return result;
        }

        protected override void MagnitudeHistogramCore(Span<long> counts, DeviceSpan<float> values, DeviceSpan<float> origin, uint prefix, int prefixBits, int digitBits)
        {
            long start = profile.Begin();
            inner.MagnitudeHistogramCore(counts, values, origin, prefix, prefixBits, digitBits);
            profile.End(start, nameof(MagnitudeHistogram), Pass(values.Length * (origin.IsNone ? 1 : 2)));
        }

        protected override (long Found, long Above) CollectMagnitudesCore(Span<ulong> found, DeviceSpan<float> values, DeviceSpan<float> origin, MagnitudeRange range, long firstIndex)
        {
            long start = profile.Begin();
            var result = inner.CollectMagnitudesCore(found, values, origin, range, firstIndex);
            profile.End(start, nameof(CollectMagnitudes), Pass(values.Length * (origin.IsNone ? 1 : 2)));
            return result;
        }

        protected override void KeyHistogramCore(Span<long> counts, DeviceSpan<double> keys, ulong prefix, int prefixBits, int digitBits)
        {
            long start = profile.Begin();
            inner.KeyHistogramCore(counts, keys, prefix, prefixBits, digitBits);
            profile.End(start, nameof(KeyHistogram), Bytes(sizeof(double) * (double)keys.Length));
        }

        protected override long FindMagnitudeCore(DeviceSpan<float> values, float magnitude, ref long ordinal)
        {
            long start = profile.Begin();
            long result = inner.FindMagnitudeCore(values, magnitude, ref ordinal);
            profile.End(start, nameof(FindMagnitude), Pass(values.Length));
            return result;
        }

        protected override long FindKeyCore(DeviceSpan<double> keys, double key, ref long ordinal)
        {
            long start = profile.Begin();
            long result = inner.FindKeyCore(keys, key, ref ordinal);
            profile.End(start, nameof(FindKey), Bytes(sizeof(double) * (double)keys.Length));
            return result;
        }
    }
}
