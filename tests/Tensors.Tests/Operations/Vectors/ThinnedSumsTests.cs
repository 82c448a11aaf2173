using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Operations.Reference;

namespace MergeEngine.Tensors.Tests.Operations.Vectors;

/// <summary>Sums over differences that are not stored, against sums over stored ones: the same bits at every vector width, for every cutting into chunks.</summary>
public sealed class ThinnedSumsTests
{
    [Theory]
    [InlineData(1, false)]
    [InlineData(15, true)]
    [InlineData(16_384, false)]
    [InlineData(50_003, true)]
    [InlineData(120_000, false)]
    public void Sums_have_the_bits_of_stored_differences(int length, bool masked)
    {
        var random = new Random(length);
        float[] origin = [.. Enumerable.Range(0, length).Select(_ => (float)random.NextDouble())];

        // Steps of few sizes, so that limits fall among equal magnitudes.
        float[] values = [.. origin.Select(b => b + (random.Next(-8, 9) / 64f))], difference = [.. values.Zip(origin, (x, b) => x - b)];
        byte[] mask = [.. Enumerable.Range(0, length).Select(_ => (byte)random.Next(2))];
        var kept = new Selection(Math.Abs(difference[length / 2]), length * 2L / 3);
        var dropped = new Selection(Math.Abs(difference[length / 3]) + 0.05, length / 2);
        float[] thinned = [.. difference.Select((d, i) => kept.Contains(Math.Abs(d), i) && !dropped.Contains(Math.Abs(d), i) && (!masked || mask[i] != 0) ? d : 0)];
        foreach (Device device in (Device[])[new ReferenceDevice(), .. SimdLevels.Supported.Select(s => new CpuDevice(3, s))])
        {
            using (device)
            {
                using DeviceBuffer x = device.Allocate<float>(length), b = device.Allocate<float>(length), m = device.Allocate<byte>(length), d = device.Allocate<float>(length), v = device.Allocate<float>(length);
                device.Upload<float>(values, x.AsSpan<float>());
                device.Upload<float>(origin, b.AsSpan<float>());
                device.Upload<byte>(mask, m.AsSpan<byte>());
                device.Upload<float>(difference, d.AsSpan<float>());
                device.Upload<float>(thinned, v.AsSpan<float>());
                using RunningSums stored = new(device, 2, SumTerms.Magnitudes), energy = new(device, 1);
                stored.Add([d.AsSpan<float>(), v.AsSpan<float>()]);
                energy.Add([v.AsSpan<float>()]);
                foreach (int chunk in new[] { length, 16_384, 7_001, 33 })
                {
                    using RunningSums norms = new(device, 2, SumTerms.Magnitudes), squares = new(device, 1);
                    for (int start = 0, part; start < length; start += part)
                    {
                        part = Math.Min(chunk, length - start);
                        var term = new DifferenceTerm(1, 1, 1, kept, dropped, masked ? m.AsSpan<byte>().Slice(start, part) : default);
                        norms.AddThinned(x.AsSpan<float>().Slice(start, part), b.AsSpan<float>().Slice(start, part), term);
                        squares.AddThinned(x.AsSpan<float>().Slice(start, part), b.AsSpan<float>().Slice(start, part), term);
                    }

                    Assert.Equal(stored.Read().ToArray(), norms.Read().ToArray());
                    Assert.Equal(energy.Read().ToArray(), squares.Read().ToArray());
                }
            }
        }
    }

    [Fact]
    public void A_difference_that_is_no_number_shows_in_the_sum_unless_it_is_masked()
    {
        using var device = new CpuDevice(1);
        using DeviceBuffer x = device.Allocate<float>(3), b = device.Allocate<float>(3), m = device.Allocate<byte>(3);
        device.Upload<float>([1, float.NaN, 3], x.AsSpan<float>());
        device.Upload<byte>([1, 0, 1], m.AsSpan<byte>());
        using RunningSums all = new(device, 2, SumTerms.Magnitudes), masked = new(device, 2, SumTerms.Magnitudes);
        all.AddThinned(x.AsSpan<float>(), b.AsSpan<float>(), DifferenceTerm.Whole(1) with { Kept = Selection.None });
        masked.AddThinned(x.AsSpan<float>(), b.AsSpan<float>(), DifferenceTerm.Whole(1) with { Mask = m.AsSpan<byte>() });
        Assert.Equal([double.NaN, double.NaN], all.Read().ToArray());
        Assert.Equal([double.NaN, 4], masked.Read().ToArray());
    }

    [Fact]
    public void Sums_of_pairs_take_no_thinned_difference()
    {
        using var device = new CpuDevice(1);
        using DeviceBuffer x = device.Allocate<float>(1);
        using RunningSums pairs = new(device, 2), three = new(device, 3, SumTerms.Magnitudes), elements = new(device, 1, SumTerms.Elements);
        Assert.Throws<InvalidOperationException>(() => pairs.AddThinned(x.AsSpan<float>(), x.AsSpan<float>(), DifferenceTerm.Whole(1)));
        Assert.Throws<InvalidOperationException>(() => three.AddThinned(x.AsSpan<float>(), x.AsSpan<float>(), DifferenceTerm.Whole(1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => elements.AddThinned(x.AsSpan<float>(), x.AsSpan<float>(), DifferenceTerm.Whole(1)));
    }
}
