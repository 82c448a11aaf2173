using MergeEngine.Tensors.Cpu.Vectors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu;

/// <content>Statistics over flat vectors.</content>
internal sealed unsafe partial class CpuOperations
{
    protected override double DotCore(DeviceSpan<float> a, DeviceSpan<float> b) =>
        Reduction<Products>.Run(_device, a.Pointer, b.Pointer, a.Length);

    protected override void SquaredNormCore(DeviceSpan<double> result, DeviceSpan<float> values) =>
        *result.Pointer = Reduction<Squares>.Run(_device, values.Pointer, values.Pointer, values.Length);

    protected override double SumCore(DeviceSpan<float> values) =>
        Reduction<Elements>.Run(_device, values.Pointer, values.Pointer, values.Length);

    protected override double AbsoluteSumCore(DeviceSpan<float> values) =>
        Reduction<Magnitudes>.Run(_device, values.Pointer, values.Pointer, values.Length);

    protected override long CountAnyNonzeroCore(ReadOnlySpan<DeviceSpan<float>> vectors)
    {
        float** inputs = Scratch.Pointers(Scratch.Require(Scratch.PointerBytes(vectors.Length)), vectors);
        return VectorPass<CountAnyNonzero>.Run(_device, new CountAnyNonzero { Inputs = inputs, Count = vectors.Length }, vectors[0].Length).Result;
    }

    protected override long CountMaskedCore(DeviceSpan<byte> mask) =>
        VectorPass<CountZeroBytes>.Run(_device, new CountZeroBytes { Mask = mask.Pointer }, mask.Length, 4 * Ranges.Length).Result;

    protected override (long Agreeing, long Compared) SignAgreementCore(ReadOnlySpan<DeviceSpan<float>> vectors, bool countSingles)
    {
        float** inputs = Scratch.Pointers(Scratch.Require(Scratch.PointerBytes(vectors.Length)), vectors);
        SignAgreement counted = VectorPass<SignAgreement>.Run(
            _device,
            new SignAgreement { Inputs = inputs, Count = vectors.Length, CountSingles = countSingles || vectors.Length == 1 },
            vectors[0].Length);
        return (counted.Agreeing, counted.Compared);
    }

    public override bool SearchesDifferences => true;

    protected override void MagnitudeHistogramCore(Span<long> counts, DeviceSpan<float> values, DeviceSpan<float> origin, uint prefix, int prefixBits, int digitBits)
    {
        for (long start = 0, length; start < values.Length; start += length)
        {
            length = Math.Min(HistogramTables.MostElements, values.Length - start);
            var tables = new HistogramTables(digitBits, _device.Threads);
            float* origins = origin.IsNone ? null : origin.Pointer + start;
            var kernel = new MagnitudeHistogram(values.Pointer + start, origins, prefix, prefixBits, digitBits, tables, _device.Pool);
            VectorPass<MagnitudeHistogram>.Run(_device, kernel, length, Ranges.Histogram);
            tables.AddTo(counts);
        }
    }

    protected override (long Found, long Above) CollectMagnitudesCore(Span<ulong> found, DeviceSpan<float> values, DeviceSpan<float> origin, MagnitudeRange range, long firstIndex)
    {
        fixed (ulong* list = found)
        {
            ulong* buffers = (ulong*)Scratch.Require(sizeof(ulong) * (long)_device.Threads * Ranges.Length);
            var kernel = new CollectMagnitudes(values.Pointer, origin.Pointer, range, firstIndex, list, found.Length, buffers, _device.Pool);
            CollectMagnitudes done = VectorPass<CollectMagnitudes>.Run(_device, kernel, values.Length);
            return (done.Found, done.Above);
        }
    }

    protected override void KeyHistogramCore(Span<long> counts, DeviceSpan<double> keys, ulong prefix, int prefixBits, int digitBits)
    {
        for (long start = 0, length; start < keys.Length; start += length)
        {
            length = Math.Min(HistogramTables.MostElements, keys.Length - start);
            var tables = new HistogramTables(digitBits, _device.Threads);
            var kernel = new KeyHistogram(keys.Pointer + start, prefix, prefixBits, digitBits, tables, _device.Pool);
            VectorPass<KeyHistogram>.Run(_device, kernel, length, Ranges.Histogram);
            tables.AddTo(counts);
        }
    }

    protected override long FindMagnitudeCore(DeviceSpan<float> values, float magnitude, ref long ordinal) =>
        FindEqual<EqualMagnitudes>.Run(_device, new EqualMagnitudes(values.Pointer, magnitude), values.Length, ref ordinal);

    protected override long FindKeyCore(DeviceSpan<double> keys, double key, ref long ordinal) =>
        FindEqual<EqualKeys>.Run(_device, new EqualKeys(keys.Pointer, key), keys.Length, ref ordinal);
}
