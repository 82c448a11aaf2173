using MergeEngine.Tensors.Cpu;

namespace MergeEngine.Tensors.Tests.Operations.Vectors;

/// <summary>Arithmetic on flat vectors: the same bits as the textbook loop, everywhere.</summary>
public sealed class VectorArithmeticTests
{
    public static IReadOnlyDictionary<string, VectorCase> Cases { get; } = new VectorCase[]
    {
        new("Fill", run => { var o = run.Output<float>(); return () => run.Operations.Fill(o, -1.5f); }),
        new("Copy", run => { var o = run.Output<float>(); var x = run.Input(0); return () => run.Operations.Copy(o, x); }),
        new("Subtract", run => { var o = run.Output<float>(); var a = run.Input(0); var b = run.Input(1); return () => run.Operations.Subtract(o, a, b); }),
        new("Subtract into a", run => { var a = run.Result(run.Input(0)); var b = run.Input(1); return () => run.Operations.Subtract(a, a, b); }),
        new("Subtract into b", run => { var a = run.Input(0); var b = run.Result(run.Input(1)); return () => run.Operations.Subtract(b, a, b); }),
        new("Scale", run => { var x = run.Result(run.Input(0)); return () => run.Operations.Scale(x, 0.3f); }),
        new("AccumulateAbsolute", run => { var s = run.Result(run.Input(0)); var x = run.Input(1); return () => run.Operations.AccumulateAbsolute(s, x); }),
        new("ApplyMask", run => { var o = run.Output<float>(); var x = run.Input(0); var m = run.Mask(); return () => run.Operations.ApplyMask(o, x, m); }),
        new("ApplyMask in place", run => { var x = run.Result(run.Input(0)); var m = run.Mask(); return () => run.Operations.ApplyMask(x, x, m); }),
        WeightedSum(1), WeightedSum(2), WeightedSum(3), WeightedSum(8), WeightedSum(17), WeightedSum(64), WeightedSum(5, into: 0), WeightedSum(5, into: 3),
        AddWeightedSum(1, masked: false), AddWeightedSum(2, masked: true), AddWeightedSum(8, masked: false), AddWeightedSum(9, masked: true),
        AddWeightedSum(4, masked: true, inPlace: true), AddWeightedSum(4, masked: false, inPlace: true),
    }.ToDictionary(c => c.Name);

    /// <summary>Lists that are too long for the arguments of a launch on a GPU, where 64 vectors go; more than 224 take two launches to write down.</summary>
    private static readonly Dictionary<string, VectorCase> s_longLists =
        new[] { WeightedSum(65), WeightedSum(230), WeightedSum(70, into: 69), AddWeightedSum(66, masked: true) }.ToDictionary(c => c.Name);

    public static TheoryData<string, string> OnDevices() => VectorCase.OnDevices(Cases.Values);

    public static TheoryData<string, string> LongListsOnDevices() => VectorCase.OnDevices(s_longLists.Values);

    [Theory]
    [MemberData(nameof(OnDevices))]
    public void An_operation_gives_the_bits_of_the_reference(string name, string device) =>
        Cases[name].GivesTheBitsOfTheReference(device);

    [Theory]
    [MemberData(nameof(OnDevices))]
    public void An_operation_does_not_depend_on_where_its_vectors_start(string name, string device) =>
        Cases[name].DoesNotDependOnAlignment(device);

    [Theory]
    [MemberData(nameof(LongListsOnDevices))]
    public void A_list_of_vectors_may_be_of_any_length(string name, string device) => s_longLists[name].DoesNotDependOnAlignment(device);

    [Theory]
    [MemberData(nameof(OnDevices))]
    public void A_repeated_operation_allocates_nothing(string name, string device) =>
        Cases[name].AllocatesNothing(device);

    [Theory]
    [MemberData(nameof(VectorCase.Devices), MemberType = typeof(VectorCase))]
    public void A_masked_element_keeps_the_bits_of_the_origin_even_when_it_is_a_signalling_nan(string deviceName)
    {
        using Device device = DeviceCases.Open(deviceName);
        using var run = new VectorRun(device, 65_537);
        DeviceSpan<float> origin = run.Input(0), output = run.Output<float>();
        byte[] mask = VectorInputs.Bytes(run.Length);
        device.Operations.AddWeightedSum(output, origin, [run.Input(1), run.Input(2)], [0.5f, float.PositiveInfinity], run.Upload<byte>(mask));
        float[] kept = origin.ToHost(), found = output.ToHost();
        for (int i = 0; i < run.Length; i++)
        {
            if (mask[i] == 0)
                Assert.Equal(BitConverter.SingleToUInt32Bits(kept[i]), BitConverter.SingleToUInt32Bits(found[i]));
        }
    }

    [Fact]
    public void Weighted_sums_say_what_is_wrong_with_their_inputs()
    {
        using var device = new CpuDevice(1);
        using var run = new VectorRun(device, 4);
        DeviceSpan<float> x = run.Input(0), output = run.Output<float>();
        Assert.Contains("At least one input vector", Assert.Throws<ArgumentException>(() => device.Operations.WeightedSum(output, [], [])).Message, StringComparison.Ordinal);
        Assert.Contains("2 input vectors come with 1 weights", Assert.Throws<ArgumentException>(() => device.Operations.WeightedSum(output, [x, x], [1f])).Message, StringComparison.Ordinal);
        Assert.Contains("has 3 elements, 4 are needed", Assert.Throws<ArgumentException>(() => device.Operations.WeightedSum(output, [x.Slice(1)], [1f])).Message, StringComparison.Ordinal);
        using Device other = Device.Open("reference");
        using DeviceBuffer foreign = other.Allocate<float>(4);
        Assert.Contains("memory of device 'reference'", Assert.Throws<ArgumentException>(() => device.Operations.Subtract(output, x, foreign.AsSpan<float>())).Message, StringComparison.Ordinal);
    }

    private static float[] Weights(int count) => [.. Enumerable.Range(0, count).Select(k => (float)Math.Sin(k + 1))];

    private static VectorCase WeightedSum(int count, int? into = null) => new($"WeightedSum of {count}{(into is { } t ? $" into input {t}" : "")}", run =>
    {
        DeviceSpan<float>[] inputs = run.Inputs(count);
        DeviceSpan<float> output = into is { } target ? run.Result(inputs[target]) : run.Output<float>();
        float[] weights = Weights(count);
        return () => run.Operations.WeightedSum(output, inputs, weights);
    });

    private static VectorCase AddWeightedSum(int count, bool masked, bool inPlace = false) =>
        new($"AddWeightedSum of {count}{(masked ? " masked" : "")}{(inPlace ? " in place" : "")}", run =>
        {
            DeviceSpan<float>[] inputs = run.Inputs(count);
            DeviceSpan<float> origin = run.Input(99), output = inPlace ? run.Result(origin) : run.Output<float>();
            DeviceSpan<byte> mask = masked ? run.Mask() : default;
            float[] weights = Weights(count);
            return () => run.Operations.AddWeightedSum(output, origin, inputs, weights, mask);
        });
}
