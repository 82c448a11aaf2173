using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using FsCheck;
using FsCheck.Fluent;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Cuda;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Tests.Operations.Vectors;

namespace MergeEngine.Tensors.Tests.Cuda;

/// <summary>
/// What is promised to the bit: float64 sums, which follow one tree on every device, and optimizer steps, which round in one order. Slices begin at any
/// element, each vector at another.
/// </summary>
public sealed class SameBitsAsCpuTests
{
    [Fact]
    public void A_sum_has_the_bits_of_the_cpu_at_any_length_and_offset()
    {
        using CudaDevice cuda = CudaUnderTest.Open();
        using var cpu = new CpuDevice(2);
        // Around the pieces of the tree: 16 chains, blocks of 16,384, pairs of blocks, and enough blocks for several levels.
        int[] lengths = [.. Enumerable.Range(0, 40), 16_383, 16_384, 16_385, 32_767, 32_768, 32_769, 49_152, 65_536, 100_003, 524_289, 1_000_001];
        foreach (int length in lengths) SumsAgree(cpu, cuda, length, length % 3, length % 4);
    }

    [Fact]
    public void Any_sum_has_the_bits_of_the_cpu()
    {
        using CudaDevice cuda = CudaUnderTest.Open();
        using var cpu = new CpuDevice(2);
        Gen<(int Length, int A, int B)> input = from length in Gen.Choose(0, 70_000) from a in Gen.Choose(0, 5) from b in Gen.Choose(0, 5) select (length, a, b);
        Prop.ForAll(input.ToArbitrary(), i => SumsAgree(cpu, cuda, i.Length, i.A, i.B)).Check(Config.QuickThrowOnFailure.WithMaxTest(25));
    }

    [Fact]
    public void Any_step_of_an_optimizer_has_the_bits_of_the_cpu()
    {
        Assert.SkipUnless(Fma.IsSupported || AdvSimd.IsSupported, "This processor has no fused multiply-add: it rounds a step twice where others round once.");
        using CudaDevice cuda = CudaUnderTest.Open();
        using var cpu = new CpuDevice(2);
        Gen<Step> input =
            from length in Gen.Choose(0, 10_000)
            from offsets in Gen.Choose(0, 5).ArrayOf(4)
            from choice in Gen.Choose(0, 63)
            from seed in Gen.Choose(0, 1_000_000)
            select new Step(length, (choice & 1) == 0 ? [offsets[0], offsets[0], offsets[0], offsets[0]] : offsets, choice, seed);
        Prop.ForAll(input.ToArbitrary(), step =>
        {
            foreach ((uint[] e, uint[] f) in Run(cpu, step).Zip(Run(cuda, step)))
            {
                int at = e.AsSpan().CommonPrefixLength(f);
                Assert.True(at == e.Length, $"{step}: element {at} is {(at < f.Length ? f[at] : 0):x}, {(at < e.Length ? e[at] : 0):x} on the CPU.");
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(80));
    }

    [Theory]
    [InlineData(3, 4)]
    [InlineData(64, 65)]
    [InlineData(128, 130)]
    public void Signs_are_counted_over_more_vectors_than_one_launch_takes(int few, int many)
    {
        using CudaDevice cuda = CudaUnderTest.Open();
        using Device reference = Device.Open("reference");
        foreach (int count in new[] { few, many })
        {
            foreach (int length in new[] { 1, 7, 1001, 8195 })
            {
                (long, long, long, long, long) Counted(Device device)
                {
                    using var run = new VectorRun(device, length);
                    // Most elements are zero, so that a sign or a second value may come with any vector.
                    var random = new Random(length);
                    var vectors = new DeviceSpan<float>[count];
                    for (int k = 0; k < count; k++)
                        vectors[k] = run.Upload<float>([.. Enumerable.Range(0, length).Select(_ => random.Next(count + 2) != 0 ? 0f : random.Next(5) switch { 0 => float.NaN, 1 => -2f, _ => 3f })]);
                    (long agreeing, long compared) = device.Operations.SignAgreement(vectors, false);
                    (long single, long singles) = device.Operations.SignAgreement(vectors, true);
                    return (agreeing, compared, single, singles, device.Operations.CountAnyNonzero(vectors));
                }

                Assert.Equal(Counted(reference), Counted(cuda));
            }
        }
    }

    [Fact]
    public void A_mask_is_counted_from_any_byte()
    {
        using CudaDevice cuda = CudaUnderTest.Open();
        byte[] bytes = VectorInputs.Bytes(70_000);
        using DeviceBuffer buffer = cuda.Allocate(bytes.Length);
        cuda.Upload<byte>(bytes, buffer.AsSpan<byte>());
        foreach (int start in Enumerable.Range(0, 19))
        {
            foreach (int length in new[] { 0, 1, 15, 16, 31, 32, 33, 500, 32_767, 32_768, 65_536 })
                Assert.Equal(bytes.AsSpan(start, length).Count((byte)0), cuda.Operations.CountMasked(buffer.AsSpan<byte>().Slice(start, length)));
        }
    }

    [Fact]
    public void Chunks_of_a_vector_are_searched_like_the_whole()
    {
        using CudaDevice cuda = CudaUnderTest.Open();
        using Device reference = Device.Open("reference");
        const int length = 20_011;
        float[] values = Array.ConvertAll(VectorInputs.Floats(3, length), x => MathF.Round(x, 1));
        using DeviceBuffer buffer = cuda.Allocate<float>(length);
        using DeviceBuffer expected = reference.Allocate<float>(length);
        cuda.Upload<float>(values, buffer.AsSpan<float>());
        reference.Upload<float>(values, expected.AsSpan<float>());
        foreach (long count in new long[] { 1, 17, 5000, 9000, 15_000, length })
        {
            Selection whole = RadixSelect.LargestMagnitudes(reference.Operations, expected.AsSpan<float>(), count);
            Assert.Equal(whole, RadixSelect.LargestMagnitudes(cuda.Operations, buffer.AsSpan<float>(), count));
            foreach (int chunk in new[] { 1003, 8191, 12_000 }) Assert.Equal(whole, InChunks(cuda, buffer.AsSpan<float>(), chunk, count));
        }
    }

    private static Selection InChunks(Device device, DeviceSpan<float> values, int chunk, long count)
    {
        var search = new RadixSearch(31);
        search.Begin(count);
        while (search.WantsHistogram)
        {
            for (long start = 0; start < values.Length; start += chunk)
                device.Operations.MagnitudeHistogram(search.Counts, values.Slice(start, Math.Min(chunk, values.Length - start)), (uint)search.Prefix, search.PrefixBits, search.DigitBits);
            search.CompleteHistogram();
        }

        float threshold = BitConverter.UInt32BitsToSingle((uint)search.ThresholdBits);
        for (long start = 0; start < values.Length && !search.IsComplete; start += chunk)
        {
            long index = device.Operations.FindMagnitude(values.Slice(start, Math.Min(chunk, values.Length - start)), threshold, ref search.Ordinal);
            if (index >= 0) search.FoundLast(start + index);
        }

        return search.Trivial ?? new Selection(threshold, search.LastIndex);
    }

    private static void SumsAgree(CpuDevice cpu, CudaDevice cuda, int length, int offsetA, int offsetB)
    {
        ulong[] expected = Sums(cpu, length, offsetA, offsetB), found = Sums(cuda, length, offsetA, offsetB);
        Assert.Equal(expected, found);
    }

    private static ulong[] Sums(Device device, int length, int offsetA, int offsetB)
    {
        using DeviceBuffer x = Upload(device, VectorInputs.Finite(0, length), offsetA), y = Upload(device, VectorInputs.Finite(1, length), offsetB);
        using DeviceBuffer norm = device.Allocate<double>(1);
        DeviceSpan<float> a = x.AsSpan<float>().Slice(offsetA, length), b = y.AsSpan<float>().Slice(offsetB, length);
        device.Operations.SquaredNorm(norm.AsSpan<double>(), b);
        double[] sums = [device.Operations.Dot(a, b), device.Operations.Sum(a), device.Operations.AbsoluteSum(b), norm.AsSpan<double>().ToHost()[0]];
        return Array.ConvertAll(sums, BitConverter.DoubleToUInt64Bits);
    }

    private static DeviceBuffer Upload(Device device, float[] values, int offset)
    {
        DeviceBuffer buffer = device.Allocate<float>(offset + values.Length);
        device.Upload<float>(values, buffer.AsSpan<float>().Slice(offset));
        return buffer;
    }

    /// <summary>One step as a device leaves it: parameters and moments, bit by bit, with one pattern for NaN.</summary>
    private static uint[][] Run(Device device, Step step)
    {
        var random = new Random(step.Seed);
        float[] Values(double scale) => [.. Enumerable.Range(0, step.Length).Select(_ => (float)((random.NextDouble() - 0.5) * scale * Math.Pow(10, random.Next(-12, 3))))];
        float[][] host = [Values(1), Values(4), Values(1), Array.ConvertAll(Values(1), MathF.Abs)];
        DeviceBuffer[] buffers = [.. host.Zip(step.Offsets, (values, offset) => Upload(device, values, offset))];
        DeviceSpan<float>[] vectors = [.. buffers.Zip(step.Offsets, (buffer, offset) => buffer.AsSpan<float>().Slice(offset, step.Length))];
        using DeviceBuffer norm = device.Allocate<double>(1);
        GradientClip clip = default;
        if ((step.Choice & 2) != 0)
        {
            device.Operations.SquaredNorm(norm.AsSpan<double>(), vectors[1]);
            clip = new GradientClip(norm.AsSpan<double>(), (step.Choice & 4) != 0 ? 0.7 : 1e6);
        }

        int number = 1 + (random.Next(3) * 70);
        if ((step.Choice & 8) != 0)
            device.Operations.Adam(vectors[0], vectors[1], vectors[2], vectors[3], new AdamSettings(1e-3, 0.9, 0.99, 1e-8, 0.05, (step.Choice & 16) != 0), number, clip);
        else
            device.Operations.Sgd(vectors[0], vectors[1], vectors[2], new SgdSettings(0.1, (step.Choice & 16) != 0 ? 0.9 : 0, 0.01, (step.Choice & 32) != 0), number, clip);
        uint[][] bits = [.. vectors.Select(v => Array.ConvertAll(v.ToHost(), x => BitConverter.SingleToUInt32Bits(float.IsNaN(x) ? float.NaN : x)))];
        foreach (DeviceBuffer buffer in buffers) buffer.Dispose();
        return bits;
    }

    private sealed record Step(int Length, int[] Offsets, int Choice, int Seed)
    {
        public override string ToString() => $"{Length} elements at {string.Join(", ", Offsets)}, choice {Choice}, seed {Seed}";
    }
}
