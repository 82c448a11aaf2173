using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Tests.Operations.Vectors;

/// <summary>TIES' election and mean on numbers small enough to do by hand, and the random masks against their counters.</summary>
public sealed class DisjointMeanTests
{
    public static TheoryData<string> Devices => [.. DeviceCases.Kinds];

    /// <summary>The three steps of Yadav et al., figure 1: trim, elect, mean of those that agree.</summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void The_mean_takes_the_kept_values_of_the_elected_sign(string name)
    {
        using Device device = DeviceCases.Open(name, 2);
        using var run = new VectorRun(device, 8);
        DeviceSpan<float>[] vectors =
        [
            run.Upload<float>([3, -1, 2, 0, 1, -4, 0.5f, float.PositiveInfinity]),
            run.Upload<float>([1, -3, -2, 0, 1, 1, 0.5f, float.NegativeInfinity]),
            run.Upload<float>([-2, 2, 0, 0, 1, 1, 0.5f, 1]),
        ];
        DeviceSpan<float> output = run.Output<float>();
        Selection[] all = [Selection.All, Selection.All, Selection.All];

        device.Operations.DisjointMean(output, vectors, all, 1);
        Assert.Equal([2, -2, 2, 0, 1, -4, 0.5f, float.PositiveInfinity], output.ToHost());
        device.Operations.DisjointMean(output, vectors, all, -1);
        Assert.Equal([2, -2, -2, 0, 1, -4, 0.5f, float.NegativeInfinity], output.ToHost());

        // |v| > 1, or = 1 up to the global index 10 + 4: the 1 of element 5 falls.
        Selection[] kept = [new(1, 14), new(1, 14), new(1, 14)];
        device.Operations.DisjointMean(output, vectors, kept, 1, 10);
        Assert.Equal([2, -2, 2, 0, 1, -4, 0, float.PositiveInfinity], output.ToHost());

        // Signs of the sums: + − 0 0 + − + and infinity less infinity, which has none.
        Assert.Equal(1, device.Operations.SignBalance(vectors, all));
        Assert.Equal(0, device.Operations.SignBalance(vectors, kept, 10));
    }

    /// <summary>2²⁴ + 1 is 2²⁴ in float32, so a sum in float32 comes to −½ where the sum in float64 is ½.</summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void The_elected_sign_is_that_of_the_float64_sum(string name)
    {
        const int Length = 77;
        using Device device = DeviceCases.Open(name, 2);
        using var run = new VectorRun(device, Length);
        float[] Spread(float value, float undecided) => [.. Enumerable.Range(0, Length).Select(i => (i % 3) switch { 0 => value, 1 => -value, _ => undecided })];
        DeviceSpan<float>[] vectors =
            [run.Upload(Spread(16777216, 1)), run.Upload(Spread(1, -1)), run.Upload(Spread(-16777216, 3)), run.Upload(Spread(-0.5f, -3))];
        DeviceSpan<float> output = run.Output<float>();
        Selection[] all = [Selection.All, Selection.All, Selection.All, Selection.All];

        // (2²⁴ + 1)/2, halfway between two float32, goes to the even one.
        device.Operations.DisjointMean(output, vectors, all, 1);
        Assert.Equal(Spread(8388608, 2), output.ToHost());
        device.Operations.DisjointMean(output, vectors, all, -1);
        Assert.Equal(Spread(8388608, -2), output.ToHost());
    }

    /// <summary>The first words of Philox4x32-10 for a zero key and counter, from Random123's kat_vectors: 6627e8d5 e169c58d bc57ac4c 9b00dbd8.</summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void A_random_mask_compares_the_words_of_philox_with_the_probability(string name)
    {
        using Device device = DeviceCases.Open(name, 2);
        using var run = new VectorRun(device, 4);
        DeviceSpan<byte> mask = run.Output<byte>();
        device.Operations.RandomMask(mask, 0, 0x6627e8d6 / 4294967296.0);
        Assert.Equal([1, 0, 0, 0], mask.ToHost());
        device.Operations.RandomMask(mask, 0, 0x6627e8d5 / 4294967296.0);
        Assert.Equal([0, 0, 0, 0], mask.ToHost());
        device.Operations.RandomMask(mask, 0, 0xbc57ac4d / 4294967296.0);
        Assert.Equal([1, 0, 1, 1], mask.ToHost());
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void A_random_mask_is_the_same_however_it_is_cut(string name)
    {
        const int Length = 100_003;
        using Device device = DeviceCases.Open(name, 3);
        using var run = new VectorRun(device, Length);
        DeviceSpan<byte> whole = run.Output<byte>(), pieces = run.Output<byte>();
        device.Operations.RandomMask(whole, 42, 0.7, 5);
        var random = new Random(1);
        for (int start = 0, count; start < Length; start += count)
        {
            count = Math.Min(random.Next(1, 5000), Length - start);
            device.Operations.RandomMask(pieces.Slice(start, count), 42, 0.7, 5 + start);
        }

        Assert.Equal(whole.ToHost(), pieces.ToHost());

        // Mean of n Bernoulli draws: six standard deviations.
        double kept = whole.ToHost().Count(b => b == 1);
        Assert.InRange(kept / Length, 0.7 - (6 * Math.Sqrt(0.21 / Length)), 0.7 + (6 * Math.Sqrt(0.21 / Length)));
    }
}
