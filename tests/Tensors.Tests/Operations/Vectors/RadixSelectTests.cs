using FsCheck;
using FsCheck.Fluent;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Tests.Operations.Vectors;

/// <summary>Exact selection against a plain sort: keys downwards, equal keys by index.</summary>
public sealed class RadixSelectTests
{
    private static readonly float[] s_pool =
    [
        0f, -0f, 1f, -1f, 1f, 2f, -2f, float.Epsilon, -float.Epsilon, 1e-40f, float.MaxValue, float.PositiveInfinity, float.NegativeInfinity,
        float.NaN, BitConverter.UInt32BitsToSingle(0xFF80_0001), MathF.BitIncrement(1f), MathF.BitDecrement(1f), 1.1754942e-38f, 1.17549435e-38f,
    ];

    public static TheoryData<string> Devices => [.. DeviceCases.Kinds];

    [Theory]
    [MemberData(nameof(Devices))]
    public void Adversarial_magnitudes_are_selected_like_by_a_sort(string name)
    {
        using Device device = DeviceCases.Open(name, 3);
        var random = new Random(5);
        float[][] inputs =
        [
            [], [1f], [float.NaN], new float[100], Fill(100, 3f), Fill(100, float.NaN), Fill(65, float.Epsilon),
            [.. Enumerable.Range(0, 3000).Select(_ => s_pool[random.Next(s_pool.Length)])],
            [.. Enumerable.Range(0, 3000).Select(_ => (float)random.Next(-3, 4))],
            [.. Enumerable.Range(0, 3000).Select(_ => BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue)))],
            [.. Enumerable.Range(0, 3000).Select(i => 1f + (i % 7 * 1.1920929e-7f))],
            [.. Enumerable.Range(0, 70_000).Select(i => (float)(i % 1000))],
        ];
        foreach (float[] values in inputs)
        {
            foreach (long count in Counts(values.Length)) CheckMagnitudes(device, values, count);
        }
    }

    /// <summary>More elements than one task of a histogram counts (524,288) and than are searched for equal ones at one time (33,554,432).</summary>
    [Fact]
    public void Selections_reach_beyond_the_first_blocks_of_a_long_vector()
    {
        using Device device = Device.Open("cpu", 2);
        using DeviceBuffer buffer = device.Allocate<float>(33_600_000);
        DeviceSpan<float> values = buffer.AsSpan<float>();
        values.HostSpan[700_000] = 2;
        values.HostSpan[20_000_000] = -2;
        values.HostSpan[33_599_999] = 2;
        Assert.Equal(new Selection(2, 20_000_000), RadixSelect.LargestMagnitudes(device.Operations, values, 2));
        Assert.Equal(new Selection(2, long.MaxValue), RadixSelect.LargestMagnitudes(device.Operations, values, 3));
        Assert.Equal(new Selection(0, 33_590_000), RadixSelect.LargestMagnitudes(device.Operations, values, 33_590_002));
        var counts = new long[2];
        device.Operations.MagnitudeHistogram(counts, values, 0, 0, 1);
        Assert.Equal([33_599_997, 3], counts);
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Adversarial_keys_are_selected_like_by_a_sort_and_dead_ones_never(string name)
    {
        using Device device = DeviceCases.Open(name, 3);
        var random = new Random(6);
        double[][] inputs =
        [
            [], [1], [-1], [double.NaN], new double[100], [.. Enumerable.Repeat(-1.0, 100)], [.. Enumerable.Repeat(0.1, 65)],
            [.. Enumerable.Range(0, 3000).Select(_ => random.Next(4) switch { 0 => -1.0, 1 => 0.0, _ => random.Next(5) * 0.1 })],
            [.. Enumerable.Range(0, 3000).Select(_ => random.Next(3) == 0 ? s_pool[random.Next(s_pool.Length)] : random.NextDouble() * Math.Pow(10, random.Next(-320, 300)))],
            [.. Enumerable.Range(0, 3000).Select(i => BitConverter.Int64BitsToDouble(0x3FF0_0000_0000_0000 + (i % 5)))],
            [.. Enumerable.Range(0, 70_000).Select(i => i % 3 == 0 ? -1.0 : i % 1000)],
        ];
        foreach (double[] keys in inputs)
        {
            foreach (long count in Counts(keys.Length)) CheckKeys(device, keys, count);
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Any_values_and_any_count_are_selected_like_by_a_sort(string name)
    {
        using Device device = DeviceCases.Open(name, 2);
        Gen<float> element = Gen.OneOf(
            Gen.Elements(s_pool), Gen.Choose(-4, 4).Select(i => i / 4f), Gen.Choose(int.MinValue, int.MaxValue).Select(BitConverter.Int32BitsToSingle));
        Gen<(float[] Values, long Count)> input =
            from values in element.ArrayOf()
            from count in Gen.Choose(-1, values.Length + 1)
            select (values, (long)count);
        Prop.ForAll(input.ToArbitrary(), i =>
        {
            CheckMagnitudes(device, i.Values, i.Count);
            CheckKeys(device, Array.ConvertAll(i.Values, x => (double)x), i.Count);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(400).WithEndSize(200));
    }

    [Fact]
    public void Nothing_contains_no_element_and_all_contains_every_live_one()
    {
        Assert.False(Selection.None.Contains(double.PositiveInfinity, 0));
        Assert.True(Selection.All.Contains(0, long.MaxValue));
        Assert.True(Selection.All.Contains(double.PositiveInfinity, 0));
        Assert.False(Selection.All.Contains(-1, 0));
        Assert.False(Selection.All.Contains(double.NaN, 0));
    }

    private static long[] Counts(int n) => [-1, 0, 1, 2, n / 3, n - 1, n, n + 1];

    private static float[] Fill(int n, float value) => [.. Enumerable.Repeat(value, n)];

    private static void CheckMagnitudes(Device device, float[] values, long count)
    {
        using var run = new VectorRun(device, values.Length);
        DeviceSpan<float> span = run.Upload<float>(values);
        Selection selection = RadixSelect.LargestMagnitudes(device.Operations, span, count);
        double[] keys = Array.ConvertAll(values, x => (double)MathF.Abs(x));
        bool[] expected = Largest(keys, count);
        DeviceSpan<byte> mask = run.Output<byte>();
        device.Operations.KeepMask(mask, span, selection);
        Same(expected, i => selection.Contains(keys[i], i), count);
        byte[] kept = mask.ToHost();
        Same(expected, i => kept[i] == 1, count);
    }

    private static void CheckKeys(Device device, double[] keys, long count)
    {
        using var run = new VectorRun(device, keys.Length);
        DeviceSpan<double> span = run.Upload<double>(keys);
        Selection selection = RadixSelect.LargestKeys(device.Operations, span, count);
        bool[] expected = Largest(keys, count);
        DeviceSpan<byte> mask = run.Output<byte>();
        device.Operations.DropMask(mask, span, selection);
        Same(expected, i => keys[i] >= 0 && selection.Contains(keys[i], i), count);
        byte[] dropped = mask.ToHost();
        Same(expected, i => dropped[i] == 0, count);
    }

    private static bool[] Largest(double[] keys, long count)
    {
        var largest = new bool[keys.Length];
        var order = Enumerable.Range(0, keys.Length).Where(i => keys[i] >= 0).OrderByDescending(i => keys[i]).ThenBy(i => i);
        foreach (int i in order.Take((int)Math.Max(count, 0))) largest[i] = true;
        return largest;
    }

    private static void Same(bool[] expected, Func<int, bool> found, long count)
    {
        for (int i = 0; i < expected.Length; i++)
            Assert.True(expected[i] == found(i), $"Element {i} of {expected.Length} should{(expected[i] ? "" : " not")} be among the {count} largest.");
    }
}
