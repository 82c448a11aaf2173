using System.Diagnostics;
using System.Globalization;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Benchmarks.Vectors;

/// <summary>
/// Bytes per second of the flat-vector operations, each in turn with a plain copy by all threads, since a shared machine's bandwidth changes from
/// minute to minute: the ratio is that of neighbours in time. Bytes are those that the operation must read and write, each once.
/// </summary>
internal static class VectorTable
{
    private const int Rounds = 15;

    public static void Run(int millions, string? only)
    {
        long n = millions * 1_000_000L;
        using var device = new CpuDevice();
        using var memory = new VectorMemory(device, n);
        Console.WriteLine($"{device.Description}; vectors of {n} elements; median of {Rounds} rounds");
        Console.WriteLine();
        Console.WriteLine("| operation | GB/s | copy GB/s | of the copy |");
        Console.WriteLine("|---|---|---|---|");
        foreach ((string name, double bytes, Action call) in memory.Calls())
        {
            if (only is not null && !name.Contains(only, StringComparison.OrdinalIgnoreCase)) continue;
            Measure(name, bytes, call, memory.PlainCopy, 8.0 * n);
        }
    }

    private static void Measure(string name, double bytes, Action call, Action copy, double copyBytes)
    {
        var rates = new double[Rounds];
        var copyRates = new double[Rounds];
        var ratios = new double[Rounds];
        for (int i = 0; i < 3; i++) call();
        for (int i = 0; i < Rounds; i++)
        {
            copyRates[i] = copyBytes / Seconds(copy) / 1e9;
            rates[i] = bytes / Seconds(call) / 1e9;
            ratios[i] = rates[i] / copyRates[i];
        }

        Array.Sort(rates);
        Array.Sort(copyRates);
        Array.Sort(ratios);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"| {name} | {rates[Rounds / 2]:F1} | {copyRates[Rounds / 2]:F1} | {100 * ratios[Rounds / 2]:F0} % |"));
    }

    private static double Seconds(Action call)
    {
        long start = Stopwatch.GetTimestamp();
        call();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>Buffers of all operations, filled with values like those of task vectors.</summary>
    private sealed unsafe class VectorMemory : IDisposable
    {
        private readonly CpuDevice _device;
        private readonly List<DeviceBuffer> _buffers = [];
        private readonly DeviceSpan<float>[] _vectors;
        private readonly DeviceSpan<float> _output;
        private readonly DeviceSpan<double> _keys;
        private readonly DeviceSpan<byte> _mask;
        private readonly long[] _counts = new long[2048];

        /// <summary>The vectors and the output in 16 bits.</summary>
        private readonly Dictionary<DType, StoredVector[]> _stored = [];

        public VectorMemory(CpuDevice device, long n)
        {
            _device = device;
            _vectors = new DeviceSpan<float>[8];
            for (int k = 0; k < _vectors.Length; k++)
            {
                _vectors[k] = Allocate<float>(n);
                var random = new Random(k);
                Span<float> values = _vectors[k].HostSpan;
                for (int i = 0; i < values.Length; i++)
                    values[i] = (float)((random.NextDouble() + random.NextDouble() + random.NextDouble() - 1.5) * 1e-3);
            }

            _output = Allocate<float>(n);
            _keys = Allocate<double>(n);
            _mask = Allocate<byte>(n);
            _device.Operations.CrossMagnitude(_keys, [], _vectors);
            _device.Operations.RandomMask(_mask, 1, 0.9);
            foreach (DType dtype in (DType[])[DType.BF16, DType.F16])
            {
                _stored[dtype] = [.. _vectors.Append(_output).Select(_ => new StoredVector(dtype, Allocate<byte>(2 * n), n))];
                for (int k = 0; k < _vectors.Length; k++) _device.Operations.Convert(_stored[dtype][k], StoredVector.From(_vectors[k]));
            }
        }

        public void PlainCopy()
        {
            var job = new CopyJob { Source = (byte*)_vectors[0].Address, Target = (byte*)_output.Address, Bytes = _output.Length * 4, Parts = _device.Threads };
            _device.Pool.Run(ref job, job.Parts);
        }

        public IEnumerable<(string Name, double Bytes, Action Call)> Calls()
        {
            OperationSet o = _device.Operations;
            double n = _output.Length;
            var two = _vectors[..2];
            float[] weights = [0.1f, 0.2f, 0.3f, 0.4f, -0.1f, -0.2f, -0.3f, -0.4f];
            Selection[] kept = [.. _vectors.Select(v => RadixSelect.LargestMagnitudes(o, v, v.Length / 5))];
            Selection dropped = RadixSelect.LargestKeys(o, _keys, _keys.Length / 100);
            DifferenceTerm[] terms = [.. kept.Select((k, i) => new DifferenceTerm(weights[i], weights[i], weights[i], k, Selection.None))];
            uint digit = BitConverter.SingleToUInt32Bits((float)kept[0].Threshold) >> 20;
            ulong keyDigit = BitConverter.DoubleToUInt64Bits(dropped.Threshold) >> 52;

            // 64 vectors: eight parts of each of the eight.
            long part = _output.Length / 8;
            DeviceSpan<float>[] many = [.. Enumerable.Range(0, 64).Select(k => _vectors[k % 8].Slice(k / 8 * part, part))];
            float[] manyWeights = [.. Enumerable.Range(0, 64).Select(k => weights[k % 8])];
            Selection[] manyKept = [.. Enumerable.Range(0, 64).Select(k => kept[k % 8])];
            return
            [
                ("Copy", 8 * n, () => o.Copy(_output, _vectors[0])),
                ("Fill", 4 * n, () => o.Fill(_output, 1)),
                ("Subtract", 12 * n, () => o.Subtract(_output, _vectors[0], _vectors[1])),
                ("Scale", 8 * n, () => o.Scale(_output, 1.0001f)),
                ("AccumulateAbsolute", 12 * n, () => o.AccumulateAbsolute(_output, _vectors[1])),
                ("ApplyMask", 9 * n, () => o.ApplyMask(_output, _vectors[1], _mask)),
                ("WeightedSum of 2", 12 * n, () => o.WeightedSum(_output, two, weights.AsSpan(0, 2))),
                ("WeightedSum of 8", 36 * n, () => o.WeightedSum(_output, _vectors, weights)),
                ("WeightedSum of 64", 4 * 65 * part, () => o.WeightedSum(_output.Slice(0, part), many, manyWeights)),
                ("AddWeightedSum of 2", 16 * n, () => o.AddWeightedSum(_output, _vectors[2], two, weights.AsSpan(0, 2))),
                ("AddWeightedSum of 8, in place, masked", 41 * n, () => o.AddWeightedSum(_output, _output, _vectors, weights, _mask)),
                ("WeightedSum of 8 BF16 into BF16", 18 * n, () => o.WeightedSum(_stored[DType.BF16][8], _stored[DType.BF16].AsSpan(0, 8), weights)),
                ("WeightedSum of 8 F16 into F16", 18 * n, () => o.WeightedSum(_stored[DType.F16][8], _stored[DType.F16].AsSpan(0, 8), weights)),
                ("AddWeightedSum of 8 BF16 into F32, masked", 25 * n, () => o.AddWeightedSum(
                    StoredVector.From(_output), StoredVector.From(_vectors[0]), _stored[DType.BF16].AsSpan(0, 8), weights, _mask)),
                ("Convert BF16 to F32", 6 * n, () => o.Convert(StoredVector.From(_output), _stored[DType.BF16][0])),
                ("Convert F32 to BF16", 6 * n, () => o.Convert(_stored[DType.BF16][8], StoredVector.From(_vectors[0]))),
                ("Convert F16 to F32", 6 * n, () => o.Convert(StoredVector.From(_output), _stored[DType.F16][0])),
                ("Convert F32 to F16", 6 * n, () => o.Convert(_stored[DType.F16][8], StoredVector.From(_vectors[0]))),
                ("Dot", 8 * n, () => o.Dot(_vectors[0], _vectors[1])),
                ("AccumulateSums, products of 2", 8 * n, () => o.AccumulateSums(_keys, two, 0)),
                ("AccumulateSums, products of 8", 32 * n, () => o.AccumulateSums(_keys, _vectors, 0)),
                ("AccumulateSums, products of 64", 4 * 64 * part, () => o.AccumulateSums(_keys, many, 0)),
                ("AccumulateSums, magnitudes of 8", 32 * n, () => o.AccumulateSums(_keys, _vectors, 0, SumTerms.Magnitudes)),
                ("Sum", 4 * n, () => o.Sum(_vectors[0])),
                ("AbsoluteSum", 4 * n, () => o.AbsoluteSum(_vectors[0])),
                ("CountMasked", n, () => o.CountMasked(_mask)),
                ("CountAnyNonzero of 8", 32 * n, () => o.CountAnyNonzero(_vectors)),
                ("SignAgreement of 8", 32 * n, () => o.SignAgreement(_vectors, false)),
                ("MagnitudeHistogram, first digit", 4 * n, () => o.MagnitudeHistogram(_counts, _vectors[0], 0, 0, 11)),
                ("MagnitudeHistogram, second digit", 4 * n, () => o.MagnitudeHistogram(_counts, _vectors[0], digit, 11, 11)),
                ("KeyHistogram, first digit", 8 * n, () => o.KeyHistogram(_counts, _keys, 0, 0, 11)),
                ("KeyHistogram, second digit", 8 * n, () => o.KeyHistogram(_counts, _keys, keyDigit, 11, 11)),
                ("FindMagnitude, not there", 4 * n, () => { long ordinal = 0; o.FindMagnitude(_vectors[0], 1, ref ordinal); }),
                ("CrossMagnitude of 8", 40 * n, () => o.CrossMagnitude(_keys, [], _vectors)),
                ("CrossMagnitude of 4 with magnitudes", 40 * n, () => o.CrossMagnitude(_keys, _vectors.AsSpan(4), _vectors.AsSpan(0, 4))),
                ("CrossMagnitude of 64", 4 * 66 * part, () => o.CrossMagnitude(_keys.Slice(0, part), [], many)),
                ("DropMask", 9 * n, () => o.DropMask(_mask, _keys, dropped)),
                ("KeepMask", 5 * n, () => o.KeepMask(_mask, _vectors[0], kept[0])),
                ("SignBalance of 8", 32 * n, () => o.SignBalance(_vectors, kept)),
                ("DisjointMean of 2", 12 * n, () => o.DisjointMean(_output, two, kept.AsSpan(0, 2), 1)),
                ("DisjointMean of 8", 36 * n, () => o.DisjointMean(_output, _vectors, kept, 1)),
                ("DisjointMean of 64", 4 * 65 * part, () => o.DisjointMean(_output.Slice(0, part), many, manyKept, 1)),
                ("MergeDifferences of 7, sum", 36 * n, () => o.MergeDifferences(_output, _vectors[7], _vectors.AsSpan(0, 7), terms.AsSpan(0, 7), DifferenceRule.Sum, 0.7)),
                ("MergeDifferences of 7, elected mean", 36 * n, () => o.MergeDifferences(_output, _vectors[7], _vectors.AsSpan(0, 7), terms.AsSpan(0, 7), DifferenceRule.ElectedMean, 0.7)),
                ("MergeDifferences of 7, shared mean", 36 * n, () => o.MergeDifferences(_output, _vectors[7], _vectors.AsSpan(0, 7), terms.AsSpan(0, 7), DifferenceRule.SharedMean, 0.7)),
                ("MergeDifferences of 2, elected mean", 16 * n, () => o.MergeDifferences(_output, _vectors[7], two, terms.AsSpan(0, 2), DifferenceRule.ElectedMean, 0.7)),
                ("Variance of 8", 36 * n, () => o.Variance(_output, _vectors)),
                ("RankedMask in rows of 1000", 5 * n, () => o.RankedMask(_mask, _vectors[0], 1000, 7, 0.3, 0.7)),
                ("RankedMask in rows of 3072", 5 * (n / 3072 * 3072), () => o.RankedMask(_mask.Slice(0, (long)n / 3072 * 3072), _vectors[0].Slice(0, (long)n / 3072 * 3072), 3072, 7, 0.3, 0.7)),
                ("RandomMask", n, () => o.RandomMask(_mask, 7, 0.9)),
            ];
        }

        public void Dispose()
        {
            foreach (DeviceBuffer buffer in _buffers) buffer.Dispose();
        }

        private DeviceSpan<T> Allocate<T>(long length)
            where T : unmanaged
        {
            DeviceBuffer buffer = _device.Allocate<T>(length);
            _buffers.Add(buffer);
            return buffer.AsSpan<T>();
        }
    }

    private unsafe struct CopyJob : IParallelJob
    {
        public byte* Source;
        public byte* Target;
        public long Bytes;
        public int Parts;

        public readonly void Execute(int task)
        {
            long start = Bytes / Parts * task, end = task == Parts - 1 ? Bytes : Bytes / Parts * (task + 1);
            Buffer.MemoryCopy(Source + start, Target + start, end - start, end - start);
        }
    }
}
