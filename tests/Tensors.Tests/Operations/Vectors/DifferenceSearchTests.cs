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
        ulong[] expected = [.. keys.Select((key, i) => (Key: key, Index: i)).Where(e => e.Key <= 0x7F80_0000 && e.Key >> 18 == prefix)
            .OrderByDescending(e => e.Key).ThenBy(e => e.Index).Select(e => ((ulong)(e.Key & 0x3FFFF) << 44) | (ulong)((1L << 44) - 1 - 7 - e.Index))];
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
                int count = device.Operations.CollectMagnitudes(found, x.AsSpan<float>(), prefix, 13, 7, b.AsSpan<float>());
                Assert.Equal(expected, found.Take(count).OrderDescending());
                Assert.Equal(count, device.Operations.CollectMagnitudes(alone, d.AsSpan<float>(), prefix, 13, 7));
                Assert.Equal(expected, alone.OrderDescending());
                if (count > 0) Assert.Contains("room for", Assert.Throws<ArgumentException>(() => device.Operations.CollectMagnitudes(new ulong[count - 1], d.AsSpan<float>(), prefix, 13, 7)).Message, StringComparison.Ordinal);
                Assert.Throws<ArgumentOutOfRangeException>(() => device.Operations.CollectMagnitudes(alone, d.AsSpan<float>(), 0, 10, 7));
                Assert.Throws<ArgumentOutOfRangeException>(() => device.Operations.CollectMagnitudes(alone, d.AsSpan<float>(), prefix, 13, 1L << 44));
            }
        }
    }

    [Theory]
    [InlineData(10)]
    [InlineData(5000)]
    [InlineData(300_000)]
    public void The_search_takes_the_candidate_that_comes_last(int count)
    {
        var random = new Random(count);
        // Few magnitudes, so that the indices decide.
        ulong[] entries = [.. Enumerable.Range(0, count).Select(i => ((ulong)random.Next(0, 3) << 44) | (ulong)((1L << 44) - 1 - i))];
        ulong[] sorted = [.. entries.OrderDescending()];
        foreach (int wanted in new[] { 1, count / 3, count - 1 })
        {
            var search = new RadixSearch(31, 13);
            search.Begin(wanted);
            search.Counts[1 << 12] = count;
            search.Counts[0] = 1;
            search.CompleteHistogram();
            Assert.Equal((wanted, count), (search.Wanted, search.Candidates));
            search.FoundCandidates([.. entries]);
            Assert.True(search.IsComplete);
            Assert.Equal((1ul << 30) | (sorted[wanted - 1] >> 44), search.ThresholdBits);
            Assert.Equal((1L << 44) - 1 - (long)(sorted[wanted - 1] & ((1ul << 44) - 1)), search.LastIndex);
        }
    }

    [Fact]
    public void A_device_that_cannot_search_differences_says_so()
    {
        using Device device = DeviceCases.Open("emulated");
        using DeviceBuffer x = device.Allocate<float>(4);
        Assert.False(device.Operations.SearchesDifferences);
        Assert.Throws<NotSupportedException>(() => device.Operations.MagnitudeHistogram(new long[2048], x.AsSpan<float>(), 0, 0, 11, x.AsSpan<float>()));
        Assert.Throws<NotSupportedException>(() => device.Operations.CollectMagnitudes(new ulong[4], x.AsSpan<float>(), 0, 13, 0));
    }

    private static float Step(Random random, int kind) => kind switch
    {
        0 => (float)((random.NextDouble() - 0.5) * 1e-2),
        1 => random.Next(-3, 4) / 64f,
        _ => random.Next(10) switch { 0 => float.NaN, 1 => float.PositiveInfinity, 2 => 0, _ => (float)(random.NextDouble() - 0.5) },
    };
}
