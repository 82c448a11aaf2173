namespace MergeEngine.Tensors.Cuda;

internal sealed partial class CudaOperations
{
    protected override double DotCore(DeviceSpan<float> a, DeviceSpan<float> b) => throw new NotSupportedException();

    protected override void SquaredNormCore(DeviceSpan<double> result, DeviceSpan<float> values) => throw new NotSupportedException();

    protected override double SumCore(DeviceSpan<float> values) => throw new NotSupportedException();

    protected override double AbsoluteSumCore(DeviceSpan<float> values) => throw new NotSupportedException();

    protected override long CountAnyNonzeroCore(ReadOnlySpan<DeviceSpan<float>> vectors) => throw new NotSupportedException();

    protected override long CountMaskedCore(DeviceSpan<byte> mask) => throw new NotSupportedException();

    protected override (long Agreeing, long Compared) SignAgreementCore(ReadOnlySpan<DeviceSpan<float>> vectors, bool countSingles) => throw new NotSupportedException();

    protected override void MagnitudeHistogramCore(Span<long> counts, DeviceSpan<float> values, uint prefix, int prefixBits, int digitBits) => throw new NotSupportedException();

    protected override void KeyHistogramCore(Span<long> counts, DeviceSpan<double> keys, ulong prefix, int prefixBits, int digitBits) => throw new NotSupportedException();

    protected override long FindMagnitudeCore(DeviceSpan<float> values, float magnitude, ref long ordinal) => throw new NotSupportedException();

    protected override long FindKeyCore(DeviceSpan<double> keys, double key, ref long ordinal) => throw new NotSupportedException();
}
