using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Operations.Reference;

namespace MergeEngine.Tensors.Tests.Operations.Vectors;

/// <summary>Searches over differences that are not stored, at every vector width, against a sorted list of them.</summary>
public sealed class DifferenceSearchTests
{
    public static TheoryData<int, int> Cases => new(from length in new[] { 1, 63, 700, 40_000, 150_001 } from kind in new[] { 0, 1, 2 } select (length, kind));

    [Theory]
    [MemberData(nameof(Cases))]
    public void Counts_and_candidates_of_differences_are_those_of_a_list(int length, int kind)
    {
        var random = new Random(length + kind);
        float[] origin = [.. Enumerable.Range(0, length).Select(_ => (float)random.NextDouble())], values = [.. origin.Select(b => b + Step(random, kind))];
        uint[] keys = [.. values.Zip(origin, (x, b) => BitConverter.SingleToUInt32Bits(x - b) & 0x7FFF_FFFF)];
        uint prefix = keys[length / 2] >> 18;
        if (keys[length / 2] > 0x7F80_0000) prefix = 0x3F80_0000 >> 18;
        var range = MagnitudeRange.StartingWith(prefix, 13);
        ulong[] expected = [.. keys.Select((key, i) => (Key: key, Index: i)).Where(e => e.Key <= 0x7F80_0000 && e.Key >> 18 == prefix)
            .OrderByDescending(e => e.Key).ThenBy(e => e.Index).Select(e => ((ulong)(e.Key & 0x3FFFF) << 40) | (ulong)((1L << 40) - 1 - 7 - e.Index))];
        int larger = keys.Count(k => k > range.Largest && k <= 0x7F80_0000);
        long[] digits = new long[1 << 13];
        foreach (uint key in keys.Where(k => k <= 0x7F80_0000)) digits[key >> 18]++;
        foreach (Device device in (Device[])[new ReferenceDevice(), .. SimdLevels.Supported.Select(s => new CpuDevice(3, s))])
        {
            using (device)
            {
                using DeviceBuffer x = device.Allocate<float>(length), b = device.Allocate<float>(length), d = device.Allocate<float>(length);
                device.Upload<float>(values, x.AsSpan<float>());
                device.Upload<float>(origin, b.AsSpan<float>());
                device.Operations.Subtract(d.AsSpan<float>(), x.AsSpan<float>(), b.AsSpan<float>());
                long[] counted = new long[1 << 13], stored = new long[1 << 13];
                device.Operations.MagnitudeHistogram(counted, x.AsSpan<float>(), 0, 0, 13, b.AsSpan<float>());
                device.Operations.MagnitudeHistogram(stored, d.AsSpan<float>(), 0, 0, 13);
                Assert.Equal(digits, counted);
                Assert.Equal(digits, stored);

                ulong[] found = new ulong[expected.Length + 3], alone = new ulong[expected.Length];
                (long count, long above) = device.Operations.CollectMagnitudes(found, x.AsSpan<float>(), range, 7, b.AsSpan<float>());
                Assert.Equal(larger, above);
                Assert.Equal(expected, found.Take((int)count).OrderDescending());
                Assert.Equal((count, above), device.Operations.CollectMagnitudes(alone, d.AsSpan<float>(), range, 7));
                Assert.Equal(expected, alone.OrderDescending());

                // Without room for all of them they are counted.
                ulong[] few = new ulong[expected.Length / 2];
                Assert.Equal((count, above), device.Operations.CollectMagnitudes(few, d.AsSpan<float>(), range, 7));
                Assert.Subset(expected.ToHashSet(), few.ToHashSet());
                Assert.Throws<ArgumentOutOfRangeException>(() => device.Operations.CollectMagnitudes(alone, d.AsSpan<float>(), range, 1L << 40));
            }
        }
    }

    [Fact]
    public void A_range_of_magnitudes_goes_up_and_not_too_far()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new MagnitudeRange(2, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new MagnitudeRange(0, 1 << 24));
        Assert.Throws<ArgumentOutOfRangeException>(() => new MagnitudeRange(0x7F80_0000, 0x7F80_0001));
        Assert.Equal(0x7F80_0000u, MagnitudeRange.StartingWith(0xFF, 8).Largest);
        Assert.Equal(MagnitudeRange.Widest, new MagnitudeRange(5, 5 + MagnitudeRange.Widest).Largest - 5);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(5000)]
    [InlineData(300_000)]
    public void The_search_takes_the_candidate_that_comes_last(int count)
    {
        var random = new Random(count);
        // Few magnitudes, so that the indices decide.
        ulong[] entries = [.. Enumerable.Range(0, count).Select(i => ((ulong)random.Next(0, 3) << 40) | (ulong)((1L << 40) - 1 - i))];
        ulong[] sorted = [.. entries.OrderDescending()];
        var range = new MagnitudeRange(1 << 20, 1 << 21);
        const long larger = 40;
        foreach (int wanted in new[] { 1, count / 3, count - 1, count })
        {
            var search = new RadixSearch(31, 13);
            search.Begin(larger + wanted);
            Assert.True(search.FoundCandidates(range, [.. entries], larger));
            Assert.True(search.IsComplete);
            Assert.Equal((1ul << 20) + (sorted[wanted - 1] >> 40), search.ThresholdBits);
            Assert.Equal((1L << 40) - 1 - (long)(sorted[wanted - 1] & ((1ul << 40) - 1)), search.LastIndex);
        }

        foreach (long elsewhere in new[] { larger, larger + count + 1 })
        {
            var search = new RadixSearch(31, 13);
            search.Begin(elsewhere);
            Assert.False(search.FoundCandidates(range, [.. entries], larger));
            Assert.False(search.IsComplete);
        }
    }

    [Fact]
    public void A_device_that_cannot_search_differences_says_so()
    {
        using Device device = DeviceCases.Open("emulated");
        using DeviceBuffer x = device.Allocate<float>(4);
        Assert.False(device.Operations.SearchesDifferences);
        Assert.Throws<NotSupportedException>(() => device.Operations.MagnitudeHistogram(new long[2048], x.AsSpan<float>(), 0, 0, 11, x.AsSpan<float>()));
        Assert.Throws<NotSupportedException>(() => device.Operations.CollectMagnitudes(new ulong[4], x.AsSpan<float>(), new MagnitudeRange(0, 1), 0));
        using DeviceBuffer sums = device.Allocate<double>(SumTree.StateLength);
        Assert.Throws<NotSupportedException>(() => device.Operations.AccumulateThinnedSums(sums.AsSpan<double>(), x.AsSpan<float>(), x.AsSpan<float>(), DifferenceTerm.Whole(1), 0, SumTerms.Magnitudes, withWhole: false));
    }

    private static float Step(Random random, int kind) => kind switch
    {
        0 => (float)((random.NextDouble() - 0.5) * 1e-2),
        1 => random.Next(-3, 4) / 64f,
        _ => random.Next(10) switch { 0 => float.NaN, 1 => float.PositiveInfinity, 2 => 0, _ => (float)(random.NextDouble() - 0.5) },
    };
}
