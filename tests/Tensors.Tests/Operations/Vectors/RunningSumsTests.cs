using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Tests.Operations.Vectors;

/// <summary>
/// Sums over vectors in chunks, to the bit: those of the reference, which adds element by element, and those of the operations that see the whole
/// vectors at once.
/// </summary>
public sealed class RunningSumsTests
{
    private const int Length = 70_003;

    /// <summary>Whole, one element, around the 16 chains, around the blocks of 16,384, and pieces that fit nothing.</summary>
    private static readonly int[] s_chunks = [Length, 16_384, 16_383, 16_385, 32_768, 1000, 4096, 17];

    public static TheoryData<string> Devices { get; } = new(DeviceCases.Names);

    [Theory]
    [MemberData(nameof(Devices))]
    public void Chunks_of_any_length_have_the_bits_of_one_pass(string name)
    {
        using Device device = DeviceCases.Open(name);
        foreach ((int vectors, SumTerms terms) in new[] { (1, SumTerms.Products), (2, SumTerms.Products), (5, SumTerms.Products), (2, SumTerms.ProductsWithLast), (8, SumTerms.ProductsWithLast), (3, SumTerms.Elements), (2, SumTerms.Magnitudes) })
        {
            ulong[] expected = Reference(vectors, Length, terms);
            foreach (int chunk in DeviceCases.IsCuda(name) ? s_chunks[..6] : s_chunks)
                Assert.Equal(expected, Sums(device, vectors, Length, terms, _ => chunk));
            var random = new Random(7);
            Assert.Equal(expected, Sums(device, vectors, Length, terms, _ => random.Next(8) == 0 ? random.Next(40_000) : random.Next(2_000)));
        }
    }

    /// <summary>Only what is not 0 is given, from a vector of which whole blocks, the first elements or the last are 0.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(16_384)]
    [InlineData(Length)]
    [InlineData(5 * 16_384)]
    public void A_sparse_sum_has_the_bits_of_the_whole_vector(int length)
    {
        using Device device = DeviceCases.Open("cpu", 1);
        foreach (double share in new[] { 0, 0.00005, 0.1, 0.9 })
        {
            var random = new Random(length);
            float[] values = [.. Enumerable.Range(0, length).Select(_ => random.NextDouble() < share ? (float)(random.NextDouble() - 0.5) : 0)];
            using var dense = new RunningSums(device, 1);
            using DeviceBuffer buffer = device.Allocate<float>(Math.Max(length, 1));
            device.Upload<float>(values, buffer.AsSpan<float>().Slice(0, length));
            if (length > 0) dense.Add([buffer.AsSpan<float>().Slice(0, length)]);
            var sparse = new SparseSum();
            for (int i = 0; i < length; i++)
            {
                if (values[i] != 0) sparse.Add(i, (double)values[i] * values[i]);
            }

            Assert.Equal(BitConverter.DoubleToInt64Bits(length == 0 ? 0 : dense.Read()[0]), BitConverter.DoubleToInt64Bits(sparse.Value(length)));
        }

        var backwards = new SparseSum();
        backwards.Add(20_000, 1);
        Assert.Throws<ArgumentOutOfRangeException>(() => backwards.Add(1, 1));
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Any_number_of_vectors_has_the_bits_of_the_reference(string name)
    {
        using Device device = DeviceCases.Open(name);
        foreach (int vectors in new[] { 3, 4, 6, 7, 8, 9, 17, 63, 64 })
        {
            int length = vectors > 9 ? 2_001 : 17_003;
            foreach (SumTerms terms in new[] { SumTerms.Products, SumTerms.ProductsWithLast })
            {
                ulong[] expected = Reference(vectors, length, terms);
                Assert.Equal(expected, Sums(device, vectors, length, terms, _ => length));
                Assert.Equal(expected, Sums(device, vectors, length, terms, _ => 1_009));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Sums_in_chunks_are_the_sums_over_the_whole_vectors(string name)
    {
        using Device device = DeviceCases.Open(name);
        using DeviceBuffer x = Upload(device, 0, Length), y = Upload(device, 1, Length), norm = device.Allocate<double>(1);
        DeviceSpan<float> a = x.AsSpan<float>(), b = y.AsSpan<float>();
        device.Operations.SquaredNorm(norm.AsSpan<double>(), b);
        double[] whole = [device.Operations.Dot(a, a), device.Operations.Dot(b, a), norm.AsSpan<double>().ToHost()[0]];
        Assert.Equal(Bits(whole), Sums(device, 2, Length, SumTerms.Products, _ => 5_003));
        Assert.Equal(Bits([device.Operations.Dot(a, b)]), Sums(device, 2, Length, SumTerms.ProductsWithLast, _ => 5_003));
        Assert.Equal(Bits([device.Operations.Sum(a), device.Operations.Sum(b)]), Sums(device, 2, Length, SumTerms.Elements, _ => 5_003));
        Assert.Equal(Bits([device.Operations.AbsoluteSum(a), device.Operations.AbsoluteSum(b)]), Sums(device, 2, Length, SumTerms.Magnitudes, _ => 5_003));
    }

    [Fact]
    public void A_long_vector_is_summed_in_several_passes_of_blocks()
    {
        // More blocks than one pass of the CPU takes, so that its passes must meet where a block ends.
        const int length = (600 * SumTree.Block) + 77;
        using var cpu = new CpuDevice(3);
        using DeviceBuffer buffer = cpu.Allocate<float>(length);
        DeviceSpan<float> x = buffer.AsSpan<float>();
        Span<float> values = x.HostSpan;
        for (int i = 0; i < length; i++) values[i] = MathF.Sin(i) * (i % 1000);
        using var sums = new RunningSums(cpu, 2);
        sums.Add([x, x]);
        double[] whole = sums.Read().ToArray();
        Assert.Equal(Bits([cpu.Operations.Dot(x, x)]), Bits(whole[..1]));
        sums.Clear();
        sums.Add([x.Slice(0, 12_345), x.Slice(0, 12_345)]);
        sums.Add([x.Slice(12_345), x.Slice(12_345)]);
        Assert.Equal(Bits(whole), Bits(sums.Read().ToArray()));
    }

    [Fact]
    public void The_products_of_vectors_are_those_of_exact_arithmetic_to_the_stated_bound()
    {
        const int vectors = 4;
        using var cpu = new CpuDevice(2);
        double[] found = Array.ConvertAll(Sums(cpu, vectors, Length, SumTerms.Products, _ => 9_999), BitConverter.UInt64BitsToDouble);
        for (int i = 0; i < vectors; i++)
        {
            for (int j = 0; j <= i; j++)
            {
                float[] a = VectorInputs.Finite(i, Length), b = VectorInputs.Finite(j, Length);
                // Two float64 for a sum: exact for these inputs to far below the bound.
                (double sum, double rest, double magnitudes) = (0, 0, 0);
                for (int n = 0; n < Length; n++)
                {
                    double term = (double)a[n] * b[n], next = sum + term, seen = next - sum;
                    rest += sum - (next - seen) + (term - seen);
                    sum = next;
                    magnitudes += Math.Abs(term);
                }

                double bound = ((SumTree.Block / SumTree.Lanes) + 4 + 3) * Math.ScaleB(1, -53) * magnitudes;
                Assert.InRange(found[RunningSums.PairIndex(j, i)] - (sum + rest), -bound, bound);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void One_vector_has_no_product_with_the_others(string name)
    {
        using Device device = DeviceCases.Open(name);
        Assert.Empty(Sums(device, 1, 100, SumTerms.ProductsWithLast, _ => 100));
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void No_elements_give_zero_and_a_cleared_sum_begins_again(string name)
    {
        using Device device = DeviceCases.Open(name);
        using DeviceBuffer buffer = Upload(device, 2, 20_000);
        DeviceSpan<float> x = buffer.AsSpan<float>();
        using var sums = new RunningSums(device, 1);
        Assert.Equal(Bits([0.0]), Bits(sums.Read().ToArray()));
        sums.Add([x]);
        ulong[] once = Bits(sums.Read().ToArray());
        sums.Add([x]);
        Assert.NotEqual(once, Bits(sums.Read().ToArray()));
        sums.Clear();
        sums.Add([x.Slice(0, 0)]);
        sums.Add([x]);
        Assert.Equal(once, Bits(sums.Read().ToArray()));
    }

    [Fact]
    public void Adding_chunks_allocates_nothing()
    {
        foreach (string device in DeviceCases.Levels.Where(d => !DeviceCases.IsCuda(d) || CudaUnderTest.IsHere))
        {
            var unused = new List<DeviceBuffer>();
            new VectorCase("running sums", run =>
            {
                DeviceSpan<float>[] vectors = run.Inputs(3);
                DeviceBuffer state = vectors[0].Buffer.Device.Allocate<double>(6 * SumTree.StateLength);
                unused.Add(state);
                return () =>
                {
                    run.Operations.AccumulateSums(state.AsSpan<double>(), vectors, 0);
                    run.Operations.AccumulateSums(state.AsSpan<double>(), vectors, vectors[0].Length, SumTerms.Magnitudes);
                    run.Operations.AccumulateSums(state.AsSpan<double>(), vectors, 0, SumTerms.ProductsWithLast);
                };
            }).AllocatesNothing(device);
            unused.ForEach(buffer => buffer.Dispose());
        }
    }

    [Fact]
    public void What_cannot_be_summed_is_refused_with_one_sentence()
    {
        using var cpu = new CpuDevice(1);
        using DeviceBuffer buffer = cpu.Allocate<float>(8), state = cpu.Allocate<double>(SumTree.StateLength);
        DeviceSpan<float> x = buffer.AsSpan<float>();
        DeviceSpan<double> sums = state.AsSpan<double>();
        Assert.Contains("'sums' has 64 elements, 192 are needed", Assert.Throws<ArgumentException>(() => cpu.Operations.AccumulateSums(sums, [x, x], 0)).Message, StringComparison.Ordinal);
        Assert.Contains("at most 64 vectors", Assert.Throws<ArgumentOutOfRangeException>(() => new RunningSums(cpu, 65)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => cpu.Operations.AccumulateSums(sums, [x, x.Slice(1)], 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => cpu.Operations.AccumulateSums(sums, [x], -1));
        using var two = new RunningSums(cpu, 2);
        Assert.Contains("these are the sums of 2", Assert.Throws<ArgumentException>(() => two.Add([x])).Message, StringComparison.Ordinal);
    }

    private static ulong[] Reference(int vectors, int length, SumTerms terms)
    {
        using Device reference = Device.Open("reference");
        return Sums(reference, vectors, length, terms, _ => length);
    }

    private static ulong[] Sums(Device device, int vectors, int length, SumTerms terms, Func<int, int> chunkAt)
    {
        DeviceBuffer[] buffers = [.. Enumerable.Range(0, vectors).Select(k => Upload(device, k, length))];
        using var sums = new RunningSums(device, vectors, terms);
        for (int done = 0; done < length;)
        {
            int count = Math.Min(length - done, chunkAt(done));
            sums.Add([.. buffers.Select(buffer => buffer.AsSpan<float>().Slice(done, count))]);
            done += count;
        }

        Assert.Equal(length, sums.Length);
        ulong[] bits = Bits(sums.Read().ToArray());
        foreach (DeviceBuffer buffer in buffers) buffer.Dispose();
        return bits;
    }

    private static DeviceBuffer Upload(Device device, int k, int length)
    {
        DeviceBuffer buffer = device.Allocate<float>(length);
        device.Upload<float>(VectorInputs.Finite(k, length), buffer.AsSpan<float>());
        return buffer;
    }

    private static ulong[] Bits(double[] values) => Array.ConvertAll(values, BitConverter.DoubleToUInt64Bits);
}
