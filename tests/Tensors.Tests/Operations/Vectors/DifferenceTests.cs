using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Tests.Operations.Vectors;

/// <summary>What merging one tensor is made of: the same bits as the textbook loop everywhere, and the rules on numbers small enough to do by hand.</summary>
public sealed class DifferenceTests
{
    private static readonly Selection[] s_kept = [Selection.All, new(0.25, 20), new(0.5, long.MaxValue), new(1e-41, 30), Selection.None, new(double.NaN, 3)];
    private static readonly Selection[] s_dropped = [Selection.None, new(2, 40_000), new(4, -1), Selection.None, new(1e300, 2)];

    public static IReadOnlyDictionary<string, VectorCase> Cases { get; } = new[]
    {
        Merge(1, DifferenceRule.Sum), Merge(3, DifferenceRule.Sum, masked: true), Merge(8, DifferenceRule.Sum, into: 1),
        Merge(2, DifferenceRule.Elected), Merge(5, DifferenceRule.Elected, masked: true),
        Merge(3, DifferenceRule.ElectedMean), Merge(8, DifferenceRule.ElectedMean, masked: true, into: 0),
        Merge(1, DifferenceRule.SharedMean), Merge(5, DifferenceRule.SharedMean, masked: true), Merge(2, DifferenceRule.SharedMean),
        Merge(4, DifferenceRule.Largest), Merge(7, DifferenceRule.Largest, masked: true), Merge(6, DifferenceRule.ElectedLargest, masked: true),
        Merge(2, DifferenceRule.Elected, masked: true), Merge(6, DifferenceRule.Sum, masked: true),
        Variance(1), Variance(2), Variance(3, intoFirst: true),
        Ranked(1, 0.1, 0.9), Ranked(2, 0, 1), Ranked(3, 0.35, 0.65), Ranked(257, 0.2, 0.4),
    }.ToDictionary(c => c.Name);

    /// <summary>Long lists and long rows.</summary>
    private static readonly Dictionary<string, VectorCase> s_long = new[] { Merge(70, DifferenceRule.ElectedMean), Variance(67), Ranked(2500, 1, 0) }.ToDictionary(c => c.Name);

    public static TheoryData<string, string> OnDevices() => VectorCase.OnDevices(Cases.Values);

    public static TheoryData<string, string> LongOnDevices() => VectorCase.OnDevices(s_long.Values);

    public static TheoryData<string> Devices => [.. DeviceCases.Kinds];

    [Theory]
    [MemberData(nameof(OnDevices))]
    public void An_operation_gives_the_bits_of_the_reference(string name, string device) => Cases[name].GivesTheBitsOfTheReference(device);

    [Theory]
    [MemberData(nameof(OnDevices))]
    public void An_operation_does_not_depend_on_where_its_vectors_start(string name, string device) => Cases[name].DoesNotDependOnAlignment(device);

    [Theory]
    [MemberData(nameof(LongOnDevices))]
    public void A_list_and_a_row_may_be_of_any_length(string name, string device) => s_long[name].DoesNotDependOnAlignment(device);

    [Theory]
    [MemberData(nameof(OnDevices))]
    public void A_repeated_operation_allocates_nothing(string name, string device) => Cases[name].AllocatesNothing(device);

    /// <summary>From 10: +4 +2 −4, its negative, +2 +2 0, nothing, +6 −4 0, and a lone +2 of the third model, whose vote is 5.</summary>
    [Theory]
    [InlineData(DifferenceRule.Sum, new[] { 12f, 8f, 14f, 10f, 12f, 12f })]
    [InlineData(DifferenceRule.Elected, new[] { 6f, 14f, 14f, 10f, 16f, 12f })]
    [InlineData(DifferenceRule.ElectedMean, new[] { 6f, 14f, 12f, 10f, 16f, 12f })]
    [InlineData(DifferenceRule.SharedMean, new[] { 10.6666667f, 9.3333333f, 12f, 10f, 11f, 20f })]
    [InlineData(DifferenceRule.Largest, new[] { 14f, 6f, 12f, 10f, 16f, 12f })]
    [InlineData(DifferenceRule.ElectedLargest, new[] { 6f, 14f, 12f, 10f, 16f, 12f })]
    public void A_rule_puts_differences_together_as_it_says(DifferenceRule rule, float[] expected)
    {
        foreach (string name in DeviceCases.Kinds.Where(n => !DeviceCases.IsCuda(n) || CudaUnderTest.IsHere))
        {
            using Device device = DeviceCases.Open(name, 2);
            using var run = new VectorRun(device, 6);
            DeviceSpan<float> origin = run.Upload<float>([10, 10, 10, 10, 10, 10]), output = run.Output<float>();
            DeviceSpan<float>[] inputs = [run.Upload<float>([14, 6, 12, 10, 16, 10]), run.Upload<float>([12, 8, 12, 10, 6, 10]), run.Upload<float>([6, 14, 10, 10, 10, 12])];
            DifferenceTerm[] terms = [DifferenceTerm.Whole(1), DifferenceTerm.Whole(1), DifferenceTerm.Whole(1) with { Vote = 5 }];
            device.Operations.MergeDifferences(output, origin, inputs, terms, rule, 1);
            Assert.Equal(expected, output.ToHost());
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Nothing_added_leaves_the_origins_bits_and_a_scale_of_zero_adds_nothing(string name)
    {
        using Device device = DeviceCases.Open(name, 2);
        using var run = new VectorRun(device, 5);
        float[] values = [-0f, 0f, float.Epsilon, float.NaN, -1e-40f];
        DeviceSpan<float> origin = run.Upload<float>(values), output = run.Output<float>();
        DeviceSpan<float> same = run.Upload<float>([-0f, -0f, float.Epsilon, 1, -1e-40f]), far = run.Upload<float>([5, 6, 7, 8, 9]);
        device.Operations.MergeDifferences(output, origin, [same], [DifferenceTerm.Whole(0.5)], DifferenceRule.Sum, 2);
        Assert.Equal(VectorInputs.ToBits(values), VectorInputs.ToBits(output.ToHost()));
        device.Operations.MergeDifferences(output, origin, [far], [DifferenceTerm.Whole(1)], DifferenceRule.Elected, 0);
        Assert.Equal(VectorInputs.ToBits(values), VectorInputs.ToBits(output.ToHost()));
    }

    /// <summary>A row that rises in magnitude, with a stream of its own for each: the probability is that of the rank. Six standard deviations of 20 000 draws.</summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void A_ranked_mask_keeps_large_values_more_often(string name)
    {
        const int Columns = 5, Rows = 20_000;
        using Device device = DeviceCases.Open(name, 2);
        using var run = new VectorRun(device, Columns * Rows);
        DeviceSpan<float> values = run.Upload<float>([.. Enumerable.Range(0, Rows * Columns).Select(i => ((i * 2) % Columns * (i % 2 == 0 ? 1f : -1f)) + 0f)]);
        DeviceSpan<byte> mask = run.Output<byte>();
        device.Operations.RankedMask(mask, values, Columns, 17, 0.1, 0.9);
        byte[] kept = mask.ToHost();
        for (int column = 0; column < Columns; column++)
        {
            double p = 0.1 + (0.2 * (column * 2 % Columns));
            Assert.InRange(Enumerable.Range(0, Rows).Average(r => (double)kept[(r * Columns) + column]), p - (6 * Math.Sqrt(0.25 / Rows)), p + (6 * Math.Sqrt(0.25 / Rows)));
        }
    }

    [Fact]
    public void Bad_arguments_are_named()
    {
        using var device = new CpuDevice(1);
        using var run = new VectorRun(device, 6);
        DeviceSpan<float> x = run.Input(0);
        DeviceSpan<byte> mask = run.Output<byte>();
        OperationSet o = device.Operations;
        Assert.Contains("finite", Assert.Throws<ArgumentException>(() => o.MergeDifferences(x, x, [x], [DifferenceTerm.Whole(double.NaN)], DifferenceRule.Sum, 1)).Message, StringComparison.Ordinal);
        Assert.Contains("finite", Assert.Throws<ArgumentOutOfRangeException>(() => o.MergeDifferences(x, x, [x], [DifferenceTerm.Whole(1)], DifferenceRule.Sum, double.PositiveInfinity)).Message, StringComparison.Ordinal);
        Assert.Contains("rule", Assert.Throws<ArgumentOutOfRangeException>(() => o.MergeDifferences(x, x, [x], [DifferenceTerm.Whole(1)], (DifferenceRule)9, 1)).Message, StringComparison.Ordinal);
        Assert.Contains("whole rows of 4", Assert.Throws<ArgumentException>(() => o.RankedMask(mask, x, 4, 1, 0, 1)).Message, StringComparison.Ordinal);
        Assert.Contains("[0, 1]", Assert.Throws<ArgumentOutOfRangeException>(() => o.RankedMask(mask, x, 3, 1, -0.1, 1)).Message, StringComparison.Ordinal);
    }

    private static VectorCase Merge(int count, DifferenceRule rule, bool masked = false, int into = -1) =>
        new($"MergeDifferences of {count}, {rule}{(masked ? ", masked" : "")}{(into < 0 ? "" : into == 0 ? ", into the origin" : ", into an input")}", run =>
        {
            DeviceSpan<float> origin = run.Input(90);
            DeviceSpan<float>[] inputs = run.Inputs(count);
            DeviceSpan<byte> mask = masked ? run.Mask() : default;
            DeviceSpan<float> output = into < 0 ? run.Output<float>() : run.Result(into == 0 ? origin : inputs[0]);
            DifferenceTerm[] terms =
            [
                .. Enumerable.Range(0, count).Select(k => new DifferenceTerm(
                    0.3 - (0.11 * (k % 5)), 0.25 * (k % 4), (k % 7) - 2, s_kept[k % s_kept.Length], s_dropped[k % s_dropped.Length], k % 2 == 0 ? mask : default)),
            ];
            return () => run.Operations.MergeDifferences(output, origin, inputs, terms, rule, 0.7, 3);
        });

    private static VectorCase Variance(int count, bool intoFirst = false) => new($"Variance of {count}{(intoFirst ? ", into the first" : "")}", run =>
    {
        DeviceSpan<float>[] inputs = run.Inputs(count);
        DeviceSpan<float> output = intoFirst ? run.Result(inputs[0]) : run.Output<float>();
        return () => run.Operations.Variance(output, inputs);
    });

    private static VectorCase Ranked(int columns, double low, double high) => new($"RankedMask of rows of {columns}", run =>
    {
        int whole = run.Length / columns * columns;
        DeviceSpan<float> values = run.Input(0).Slice(0, whole);
        DeviceSpan<byte> mask = run.Output<byte>().Slice(0, whole);
        return () => run.Operations.RankedMask(mask, values, columns, 0x0123_4567_89AB_CDEF, low, high, 5);
    });
}
