using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Tests.Operations.Vectors;

/// <summary>Merges of vectors in the dtypes of files: the same bits on every device, whatever is mixed and wherever it starts.</summary>
public sealed class StoredVectorTests
{
    private static readonly DType[] s_mixed = [DType.BF16, DType.BF16, DType.F32, DType.F16, DType.F16, DType.F64, DType.F64, DType.F32, DType.F32, DType.BF16];

    private static readonly Dictionary<string, VectorCase> s_cases =
        (from output in StoredCase.DTypes from input in StoredCase.DTypes select Convert(output, input))
        .Concat(from output in StoredCase.DTypes from input in StoredCase.DTypes select WeightedSum(output, 3, [input]))
        .Concat(from output in StoredCase.DTypes from count in new[] { 1, 2, 10, 66 } select WeightedSum(output, count, s_mixed))
        .Concat(from output in StoredCase.DTypes from origin in StoredCase.DTypes select AddWeightedSum(output, origin, 4, masked: true))
        .Concat(from output in StoredCase.DTypes select AddWeightedSum(output, DType.F32, 5, masked: false))
        .Concat(from output in StoredCase.DTypes select AddWeightedSum(output, output, 3, masked: true, inPlace: true))
        .Append(AddWeightedSum(DType.BF16, DType.BF16, 67, masked: true))
        .Append(AddWeightedSum(DType.F32, DType.F16, 67, masked: true))
        .ToDictionary(c => c.Name);

    public static TheoryData<string, string> OnDevices() => VectorCase.OnDevices(s_cases.Values);

    [Theory]
    [MemberData(nameof(OnDevices))]
    public void An_operation_gives_the_bits_of_the_reference_wherever_its_vectors_start(string name, string device) =>
        s_cases[name].DoesNotDependOnAlignment(device);

    [Theory]
    [MemberData(nameof(VectorCase.Devices), MemberType = typeof(VectorCase))]
    public void A_repeated_operation_allocates_nothing(string device)
    {
        Convert(DType.F32, DType.BF16).AllocatesNothing(device);
        Convert(DType.F16, DType.F16).AllocatesNothing(device);
        WeightedSum(DType.BF16, 8, s_mixed).AllocatesNothing(device);
        AddWeightedSum(DType.F32, DType.F64, 66, masked: true).AllocatesNothing(device);
    }

    /// <summary>All 65,536 numbers of each 16-bit type against the runtime's own conversion and against a shift by 16 bits.</summary>
    [Theory]
    [MemberData(nameof(VectorCase.Devices), MemberType = typeof(VectorCase))]
    public void Every_number_of_16_bits_widens_exactly_and_comes_back(string deviceName)
    {
        using Device device = DeviceCases.Open(deviceName);
        using var run = new VectorRun(device, 65536);
        ushort[] all = [.. Enumerable.Range(0, 65536).Select(i => (ushort)i)];
        foreach (DType dtype in (DType[])[DType.F16, DType.BF16])
        {
            DeviceSpan<float> wide = run.Output<float>();
            DeviceSpan<double> wider = run.Output<double>();
            DeviceSpan<ushort> back = run.Output<ushort>();
            var stored = new StoredVector(dtype, run.Upload<ushort>(all).AsBytes(), all.Length);
            device.Operations.Convert(StoredVector.From(wide), stored);
            device.Operations.Convert(new StoredVector(DType.F64, wider.AsBytes(), all.Length), stored);
            device.Operations.Convert(new StoredVector(dtype, back.AsBytes(), all.Length), StoredVector.From(wide));
            float[] floats = wide.ToHost();
            double[] doubles = wider.ToHost();
            ushort[] again = back.ToHost();
            int quiet = dtype == DType.F16 ? 0x0200 : 0x0040;
            for (int i = 0; i < all.Length; i++)
            {
                float expected = dtype == DType.F16 ? (float)BitConverter.UInt16BitsToHalf(all[i]) : BitConverter.UInt32BitsToSingle((uint)i << 16);
                Assert.Equal(BitConverter.SingleToUInt32Bits(expected), BitConverter.SingleToUInt32Bits(floats[i]));
                Assert.Equal(BitConverter.DoubleToUInt64Bits(expected), BitConverter.DoubleToUInt64Bits(doubles[i]));
                Assert.Equal(float.IsNaN(expected) ? i | quiet : i, again[i]);
            }
        }
    }

    /// <summary>The largest number that stays finite, and the first one that does not, by IEEE 754's rule for overflow in rounding to nearest.</summary>
    [Theory]
    [MemberData(nameof(VectorCase.Devices), MemberType = typeof(VectorCase))]
    public void A_sum_that_is_too_large_becomes_infinity(string deviceName)
    {
        using Device device = DeviceCases.Open(deviceName);
        using var run = new VectorRun(device, 4);
        DeviceSpan<float> x = run.Upload<float>([65519.996f, 65520, -65520, 65504]);
        DeviceSpan<ushort> half = run.Output<ushort>(), brain = run.Output<ushort>();
        device.Operations.WeightedSum(new StoredVector(DType.F16, half.AsBytes(), 4), [StoredVector.From(x)], [1f]);
        Assert.Equal([0x7BFF, 0x7C00, 0xFC00, 0x7BFF], half.ToHost());

        // (2 − 2⁻⁸)·2¹²⁷ lies half way between the largest BF16 and infinity.
        float tie = BitConverter.UInt32BitsToSingle(0x7F7F_8000);
        DeviceSpan<float> y = run.Upload<float>([tie, MathF.BitDecrement(tie), -tie, float.MaxValue]);
        device.Operations.WeightedSum(new StoredVector(DType.BF16, brain.AsBytes(), 4), [StoredVector.From(y)], [1f]);
        Assert.Equal([0x7F80, 0x7F7F, 0xFF80, 0x7F80], brain.ToHost());
    }

    /// <summary>Two ways to the same numbers: stored as F32 and as plain vectors.</summary>
    [Theory]
    [MemberData(nameof(VectorCase.Devices), MemberType = typeof(VectorCase))]
    public void A_sum_of_f32_vectors_is_that_of_the_plain_ones(string deviceName)
    {
        using Device device = DeviceCases.Open(deviceName);
        using var run = new VectorRun(device, 5003);
        DeviceSpan<float>[] inputs = run.Inputs(6);
        DeviceSpan<float> plain = run.Output<float>(), stored = run.Output<float>();
        float[] weights = Weights(6);
        device.Operations.WeightedSum(plain, inputs, weights);
        device.Operations.WeightedSum(StoredVector.From(stored), [.. inputs.Select(StoredVector.From)], weights);
        Assert.Equal(VectorInputs.ToBits(plain.ToHost()), VectorInputs.ToBits(stored.ToHost()));
    }

    [Fact]
    public void A_stored_vector_says_what_is_wrong_with_it()
    {
        using Device device = Device.Open("cpu", 1);
        using DeviceBuffer buffer = device.Allocate(64);
        DeviceSpan<byte> bytes = buffer.AsSpan<byte>();
        Assert.Contains("I32 cannot be computed with", Assert.Throws<ArgumentException>(() => new StoredVector(DType.I32, bytes, 4)).Message, StringComparison.Ordinal);
        Assert.Contains("33 elements of BF16 need 66 bytes, the span has 64", Assert.Throws<ArgumentException>(() => new StoredVector(DType.BF16, bytes, 33)).Message, StringComparison.Ordinal);
        Assert.Contains("starts at a multiple of 4 bytes; this one starts 2 behind one", Assert.Throws<ArgumentException>(() => new StoredVector(DType.F32, bytes.Slice(2), 4)).Message, StringComparison.Ordinal);
        var vector = new StoredVector(DType.F32, bytes, 16);
        Assert.Contains("leaves a vector of 16 elements", Assert.Throws<ArgumentOutOfRangeException>(() => vector.Slice(9, 8)).Message, StringComparison.Ordinal);
        Assert.Contains("'output' has 8 elements, 16 are needed", Assert.Throws<ArgumentException>(() => device.Operations.Convert(vector.Slice(0, 8), vector)).Message.Replace("vector.Slice(0, 8)", "output", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Contains("At least one input vector", Assert.Throws<ArgumentException>(() => device.Operations.WeightedSum(vector, [], [])).Message, StringComparison.Ordinal);
        Assert.Contains("1 input vectors come with 2 weights", Assert.Throws<ArgumentException>(() => device.Operations.WeightedSum(vector, [vector], [1f, 2f])).Message, StringComparison.Ordinal);
    }

    private static float[] Weights(int count) => [.. Enumerable.Range(0, count).Select(k => (float)Math.Sin(k + 1))];

    private static VectorCase Convert(DType to, DType from) => new($"Convert {from.Name()} to {to.Name()}", run =>
    {
        StoredVector output = run.StoredOutput(to), input = run.Stored(from, 0);
        return () => run.Operations.Convert(output, input);
    });

    private static VectorCase WeightedSum(DType to, int count, DType[] dtypes) =>
        new($"WeightedSum of {count} {(dtypes.Length == 1 ? dtypes[0].Name() : "mixed")} into {to.Name()}", run =>
        {
            StoredVector output = run.StoredOutput(to);
            StoredVector[] inputs = [.. Enumerable.Range(0, count).Select(k => run.Stored(dtypes[k % dtypes.Length], k))];
            float[] weights = Weights(count);
            return () => run.Operations.WeightedSum(output, inputs, weights);
        });

    private static VectorCase AddWeightedSum(DType to, DType from, int count, bool masked, bool inPlace = false) =>
        new($"AddWeightedSum of {count} to {from.Name()} into {to.Name()}{(masked ? " masked" : "")}{(inPlace ? " in place" : "")}", run =>
        {
            StoredVector origin = inPlace ? run.StoredInPlace(from, 99) : run.Stored(from, 99), output = inPlace ? origin : run.StoredOutput(to);
            StoredVector[] inputs = [.. Enumerable.Range(0, count).Select(k => run.Stored(s_mixed[k % s_mixed.Length], k))];
            DeviceSpan<byte> mask = masked ? run.Mask() : default;
            float[] weights = Weights(count);
            return () => run.Operations.AddWeightedSum(output, origin, inputs, weights, mask);
        });
}
