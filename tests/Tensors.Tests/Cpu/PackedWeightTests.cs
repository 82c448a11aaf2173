using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Cpu.MatrixProducts;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Operations.Reference;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Tensors.Tests.Cpu;

/// <summary>
/// Packed weights on every vector width. A packed float32 product has the bits of the plain one; where that sums in another order (few rows), and against
/// float64, the bound is 2e-6 of the largest magnitude, as for all products. BF16 is exact in the strongest sense there is: the bits are those of the
/// float32 product of the rounded weight.
/// </summary>
public sealed class PackedWeightTests
{
    private const double Bound = 2e-6;

    private static readonly (int Rows, int Outputs, int Inputs, Activation Activation, bool Bias)[] Shapes =
    [
        (1, 96, 96, Activation.None, true), (4, 33, 700, Activation.GeluErf, true), (5, 10, 1, Activation.None, false), (7, 32, 0, Activation.Tanh, true),
        (8, 300, 1100, Activation.GeluQuick, true), (12, 65, 17, Activation.None, true), (13, 31, 512, Activation.GeluTanh, false),
        (50, 129, 513, Activation.GeluErf, true), (230, 70, 40, Activation.None, true),
    ];

    public static TheoryData<SimdLevel, int> OnLevels()
    {
        var data = new TheoryData<SimdLevel, int>();
        foreach (SimdLevel level in SimdLevels.Supported)
        {
            for (int shape = 0; shape < Shapes.Length; shape++) data.Add(level, shape);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(OnLevels))]
    public void A_packed_product_has_the_bits_of_the_plain_one_and_agrees_with_float64(SimdLevel level, int shape)
    {
        using var device = new CpuDevice(3, level);
        using var alone = new CpuDevice(1, level);
        using var reference = new ReferenceDevice();
        float[] packed = Run(device, shape, pack: true), plain = Run(device, shape, pack: false), exact = Run(reference, shape, pack: false);
        Assert.Equal(packed, Run(alone, shape, pack: true));
        if (Shapes[shape].Rows > SkinnyRows) Assert.Equal(plain, packed);
        AssertClose(exact, packed);
    }

    [Theory]
    [MemberData(nameof(OnLevels))]
    public void A_BF16_weight_gives_the_bits_of_the_rounded_weight_in_float32(SimdLevel level, int shape)
    {
        using var wide = new CpuDevice(2, level);
        using var narrow = new CpuDevice(2, level, Precision.BF16);
        using var reference = new ReferenceDevice();
        float[] actual = Run(narrow, shape, pack: true);
        Assert.Equal(Run(wide, shape, pack: true, round: true), actual);
        AssertClose(Run(reference, shape, pack: false, round: true), actual);
    }

    [Fact]
    public void BF16_takes_half_the_bytes()
    {
        using var wide = new CpuDevice(1);
        using var narrow = new CpuDevice(1, precision: Precision.BF16);
        Assert.Equal(4 * 768 * 3072, wide.Operations.PackedWeightBytes(768, 3072));
        Assert.Equal(2 * 768 * 3072, narrow.Operations.PackedWeightBytes(768, 3072));
    }

    [Fact]
    public void NaN_infinity_and_numbers_that_round_up_keep_their_BF16_values()
    {
        using var device = new CpuDevice(1, precision: Precision.BF16);
        float[] weights = [float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.MaxValue, 1 + (3f / 512), -(1 + (1f / 256)), 1e-40f, -0f];
        using DeviceBuffer values = device.Allocate<float>(weights.Length), one = device.Allocate<float>(1), output = device.Allocate<float>(weights.Length);
        using DeviceBuffer memory = device.Allocate(device.Operations.PackedWeightBytes(weights.Length, 1));
        weights.CopyTo(values.AsSpan<float>().HostSpan);
        one.AsSpan<float>().HostSpan[0] = 1;
        var packed = new PackedWeight(memory.AsSpan<byte>(), weights.Length, 1);
        device.Operations.PackWeight(packed, new Matrix(values.AsSpan<float>(), weights.Length, 1));
        device.Operations.LinearForward(new Matrix(output.AsSpan<float>(), 1, weights.Length), new Matrix(one.AsSpan<float>(), 1, 1), packed);
        Assert.Equal(weights.Select(weight => (float)(BFloat16)weight), output.AsSpan<float>().HostSpan.ToArray());
    }

    [Fact]
    public void What_does_not_fit_is_refused_in_a_sentence()
    {
        using var device = new CpuDevice(1);
        using var reference = new ReferenceDevice();
        using DeviceBuffer memory = device.Allocate<float>(96 * 96), small = device.Allocate(16);
        var weight = new Matrix(memory.AsSpan<float>(), 96, 96);
        Assert.Contains("'packed' has 16 elements, 36864 are needed", Assert.Throws<ArgumentException>(
            () => device.Operations.PackWeight(new PackedWeight(small.AsSpan<byte>(), 96, 96), weight)).Message, StringComparison.Ordinal);
        Assert.Contains("'weight' is [96, 96], [48, 96] is needed", Assert.Throws<ArgumentException>(
            () => device.Operations.PackWeight(new PackedWeight(memory.AsSpan<byte>(), 48, 96), weight)).Message, StringComparison.Ordinal);
        Assert.Contains("packed weights are for the cpu", Assert.Throws<NotSupportedException>(() => reference.Operations.PackedWeightBytes(1, 1)).Message, StringComparison.Ordinal);
        Assert.Contains("has no TF32", Assert.Throws<ArgumentException>(() => Device.Open("cpu", 1, Precision.TF32)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_vectors_packed_copies_follow_it_when_they_are_packed_again()
    {
        using var device = new CpuDevice(2);
        var layout = new ParameterLayout([new("a", new Shape(40, 30)), new("b", new Shape(7, 3, 2, 2))]);
        using var vector = new ParameterVector(device, layout);
        Random(device, vector.Values, 1);
        vector.Pack(layout.Parameters);
        Assert.Equal(["a", "b"], vector.Packed!.Weights.Select(weight => weight.Name));
        float[] before = Product(vector, "b", packed: true);
        Assert.Equal(Product(vector, "b", packed: false), before);
        Random(device, vector.Values, 2);
        Assert.Equal(before, Product(vector, "b", packed: true));
        vector.Pack(layout.Parameters);
        Assert.Equal(Product(vector, "b", packed: false), Product(vector, "b", packed: true));
        long held = device.AllocatedBytes, packedBytes = vector.Packed.Bytes;
        vector.Unpack();
        Assert.Null(vector.Packed);
        Assert.Equal(held - packedBytes, device.AllocatedBytes);
    }

    [Fact]
    public void Packing_what_a_vector_does_not_have_leaves_no_memory_behind()
    {
        using var device = new CpuDevice(1);
        ParameterLayout layout = new([new("a", new Shape(40, 30))]), other = new([new("a", new Shape(40, 30)), new("b", new Shape(7, 5))]);
        using var vector = new ParameterVector(device, layout);
        long held = device.AllocatedBytes;
        Assert.Contains("'b'", Assert.Throws<KeyNotFoundException>(() => vector.Pack(other.Parameters)).Message, StringComparison.Ordinal);
        Assert.Null(vector.Packed);
        Assert.Equal(held, device.AllocatedBytes);
    }

    /// <summary>Pages without access around the packed weight: neither packing nor multiplying goes beyond it.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public unsafe void Packed_weights_stay_within_their_memory(bool narrow)
    {
        Assert.SkipUnless(GuardedMemory.IsAvailable, "Pages without access are set up by Linux's own calls.");
        using var pool = new WorkerPool(2);
        var random = new Random(5);
        foreach (SimdLevel level in SimdLevels.Supported)
        {
            using var product = new MatrixProduct(pool, level);
            for (int trial = 0; trial < 80; trial++)
            {
                int m = random.Next(1, 30), n = random.Next(1, 70), k = trial % 4 == 0 ? random.Next(500, 1100) : random.Next(1, 40);
                using GuardedMemory a = new(m * k, 1), weight = new(n * k, 2), packed = new((int)product.PackedFloats(n, k, narrow), 3), c = new(m * n, 4);
                product.PackWeight(n, k, weight.Values, k, packed.Values, narrow);
                product.MultiplyPacked(m, n, k, a.Values, k, packed.Values, narrow, c.Values, n, default);
                Assert.True(float.IsFinite(c.Values[(m * n) - 1]));
            }
        }
    }

    private const int SkinnyRows = 4;

    private static float[] Run(Device device, int shape, bool pack, bool round = false)
    {
        (int rows, int outputs, int inputs, Activation activation, bool withBias) = Shapes[shape];
        OperationSet operations = device.Operations;
        const int gap = 3;
        using DeviceBuffer x = device.Allocate<float>(rows * (inputs + gap)), w = device.Allocate<float>(outputs * (inputs + gap));
        using DeviceBuffer b = device.Allocate<float>(outputs), y = device.Allocate<float>(rows * outputs);
        Random(device, x.AsSpan<float>(), 1);
        Random(device, w.AsSpan<float>(), 2);
        Random(device, b.AsSpan<float>(), 3);
        if (round)
        {
            foreach (ref float value in w.AsSpan<float>().HostSpan) value = (BFloat16)value;
        }

        var weight = new Matrix(w.AsSpan<float>(), outputs, inputs, inputs + gap);
        Matrix input = new(x.AsSpan<float>(), rows, inputs, inputs + gap), output = new(y.AsSpan<float>(), rows, outputs);
        DeviceSpan<float> bias = withBias ? b.AsSpan<float>() : default;
        if (pack)
        {
            using DeviceBuffer memory = device.Allocate(operations.PackedWeightBytes(outputs, inputs));
            var packed = new PackedWeight(memory.AsSpan<byte>(), outputs, inputs);
            operations.PackWeight(packed, weight);
            operations.LinearForward(output, input, packed, bias, activation);
        }
        else
        {
            operations.LinearForward(output, input, weight, bias, activation);
        }

        return y.AsSpan<float>().HostSpan.ToArray();
    }

    private static float[] Product(ParameterVector vector, string name, bool packed)
    {
        Matrix weight = vector.Matrix(name);
        using DeviceBuffer x = vector.Device.Allocate<float>(9 * weight.Columns), y = vector.Device.Allocate<float>(9 * weight.Rows);
        Random(vector.Device, x.AsSpan<float>(), 4);
        Matrix input = new(x.AsSpan<float>(), 9, weight.Columns), output = new(y.AsSpan<float>(), 9, weight.Rows);
        if (!packed) vector.Device.Operations.LinearForward(output, input, weight);
        else if (vector.Packed!.TryGet(vector.Layout[name], out PackedWeight copy)) vector.Device.Operations.LinearForward(output, input, copy);
        return y.AsSpan<float>().HostSpan.ToArray();
    }

    private static void Random(Device device, DeviceSpan<float> values, int seed)
    {
        var random = new Random(seed);
        float[] normal = new float[values.Length];
        for (int i = 0; i < normal.Length; i++) normal[i] = (float)((random.NextDouble() * 2) - 1);
        device.Upload(normal, values);
    }

    private static void AssertClose(float[] expected, float[] actual)
    {
        double largest = expected.Max(value => Math.Abs((double)value)), worst = expected.Zip(actual, (e, a) => Math.Abs((double)e - a)).Max();
        Assert.True(worst <= Bound * largest, $"largest error {worst:e2} of {largest:e2}");
    }
}
