using MergeEngine.Merging.Streaming.Execution;
using MergeEngine.Merging.TensorMethods;
using MergeEngine.Merging.TensorMethods.TaskVectors;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.TensorMethods;

/// <summary>What a search for magnitudes holds.</summary>
public sealed class MagnitudeSearchTests
{
    /// <summary>
    /// Of a million differences of two sizes the threshold is the smaller one, 900 000 times: 8 bytes for each would be 7 MB. Counters, a piece and the buffers of workers stay below 2 MB.
    /// </summary>
    [Fact]
    public void Equal_differences_are_not_all_held()
    {
        const int length = 1_000_000, wanted = 300_000;
        using Device device = DeviceCases.Open("cpu", 2);
        float[] values = [.. Enumerable.Range(0, length).Select(i => i % 10 == 0 ? -1.5f : 0.75f)], origin = [.. Enumerable.Repeat(0.25f, length)];
        int last = Enumerable.Range(0, length).Where(i => i % 10 != 0).ElementAt(wanted - (length / 10) - 1);
        using DeviceBuffer x = device.Allocate<float>(length), b = device.Allocate<float>(length);
        device.Upload<float>(values, x.AsSpan<float>());
        device.Upload<float>(origin, b.AsSpan<float>());
        long before = GC.GetAllocatedBytesForCurrentThread();
        var search = new MagnitudeSearch(new WorkingMemory(device, idle: 0), wanted, length, room: 1000);
        for (int passes = 0; search.NeedsPass; passes++)
        {
            Assert.InRange(passes, 0, 3);
            for (int start = 0, part; start < length; start += part)
            {
                part = Math.Min(123_457, length - start);
                search.Accumulate(device.Operations, x.AsSpan<float>().Slice(start, part), b.AsSpan<float>().Slice(start, part), start);
            }

            search.CompletePass();
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 2 << 20);
        Assert.Equal(new Selection(0.5, last), search.Result);
    }

    public static TheoryData<string, int> Vectors => new(from kind in new[] { "even", "tail", "rows", "few sizes", "no numbers" } from length in new[] { 3, 5_000, 300_007 } select (kind, length));

    /// <summary>
    /// The selection is that of a sorted list whatever the sample says: where the magnitudes are spread evenly, over many octaves, by rows of different size, or are few or no numbers. Where they are spread,
    /// the sample's pass and one more are enough: a range of five standard deviations, which misses less than one time in a million, and this is one fixed vector.
    /// </summary>
    [Theory]
    [MemberData(nameof(Vectors))]
    public void What_a_sample_foretells_is_found_exactly(string kind, int length)
    {
        var random = new Random(length);
        float[] values = [.. Enumerable.Range(0, length).Select(i => (float)(kind switch
        {
            "tail" => Math.Exp(20 * (random.NextDouble() - 0.5)),
            "rows" => (1 + (i / 1000 % 7)) * (random.NextDouble() - 0.5),
            "few sizes" => random.Next(4),
            "no numbers" => random.Next(3) == 0 ? double.NaN : random.NextDouble(),
            _ => random.NextDouble() - 0.5,
        }))];
        int[] order = [.. Enumerable.Range(0, length).Where(i => !float.IsNaN(values[i])).OrderByDescending(i => Math.Abs(values[i])).ThenBy(i => i)];
        using Device device = DeviceCases.Open("cpu", 2);
        using DeviceBuffer x = device.Allocate<float>(length);
        device.Upload<float>(values, x.AsSpan<float>());
        foreach (double density in new[] { 0.001, 0.1, 0.5, 0.9, 0.999 })
        {
            int wanted = Math.Max(1, (int)(density * length)), passes = 1;
            foreach (int chunk in new[] { length, 50_021 })
            {
                var sample = new MagnitudeSample(new WorkingMemory(device, idle: 0), length);
                var search = new MagnitudeSearch(new WorkingMemory(device, idle: 0), wanted, length, room: length);
                Show(length, chunk, (start, part) => sample.Add(x.AsSpan<float>().Slice(start, part), default, start));
                search.Expect(sample.Foretell(wanted));
                for (passes = 1; search.NeedsPass; passes++)
                {
                    Show(length, chunk, (start, part) => search.Accumulate(device.Operations, x.AsSpan<float>().Slice(start, part), default, start));
                    search.CompletePass();
                }

                var selected = Enumerable.Range(0, length).Where(i => search.Result.Contains(Math.Abs(values[i]), i)).ToHashSet();
                Assert.True(selected.SetEquals(order.Take(wanted)));
            }

            if (kind is "even" or "tail" or "rows" && density is >= 0.1 and <= 0.9) Assert.InRange(passes, 1, 2);
        }
    }

    /// <summary>
    /// The same with pieces that are looked at before the first pass, which is then the only one: also where the elements of a piece are alike, as the range follows how much pieces differ.
    /// </summary>
    [Theory]
    [InlineData("even")]
    [InlineData("tail")]
    [InlineData("rows")]
    [InlineData("blocks")]
    [InlineData("a sample of something else")]
    public void What_pieces_foretell_is_found_exactly(string kind)
    {
        const int length = 700_003;
        var random = new Random(5);
        float[] values = [.. Enumerable.Range(0, length).Select(i => (float)(kind switch
        {
            "tail" => Math.Exp(20 * (random.NextDouble() - 0.5)),
            "rows" => (1 + (i / 1000 % 7)) * (random.NextDouble() - 0.5),
            "blocks" => Math.Exp(i / 70_000) * (random.NextDouble() - 0.5),
            _ => random.NextDouble() - 0.5,
        }))];
        int[] order = [.. Enumerable.Range(0, length).OrderByDescending(i => Math.Abs(values[i])).ThenBy(i => i)];
        using Device device = DeviceCases.Open("cpu", 2);
        long[] places = SamplePlaces.Of(new ChunkShape(length, 8, 1, new MemoryPlan(new ExecutionOptions { Device = device, Threads = 2 }, 0)));
        using DeviceBuffer x = device.Allocate<float>(length), zero = device.Allocate<float>(length), pieces = device.Allocate<float>(places.Length * SampleSize.Piece);
        device.Upload<float>(values, x.AsSpan<float>());
        device.Operations.Fill(zero.AsSpan<float>(), 0);
        float[] seen = [.. places.SelectMany(p => values.AsSpan((int)p, SampleSize.Piece).ToArray()).Select(v => kind == "a sample of something else" ? 2 + v : v)];
        device.Upload<float>(seen, pieces.AsSpan<float>());
        foreach (double density in new[] { 0.01, 0.1, 0.5, 0.9 })
        {
            int wanted = (int)(density * length), passes = 0;
            var sample = new PieceSample(new WorkingMemory(device, idle: 0), length, SampleSize.Piece);
            for (int start = 0, part; start < seen.Length; start += part)
            {
                part = Math.Min(50 * SampleSize.Piece, seen.Length - start);
                sample.Add(pieces.AsSpan<float>().Slice(start, part), zero.AsSpan<float>().Slice(start, part));
            }

            var search = new MagnitudeSearch(new WorkingMemory(device, idle: 0), wanted, length, room: length);
            search.Expect(sample.Foretell(wanted));
            sample.Release();
            for (; search.NeedsPass; passes++)
            {
                Show(length, 50_021, (start, part) => search.Accumulate(device.Operations, x.AsSpan<float>().Slice(start, part), default, start));
                search.CompletePass();
            }

            var selected = Enumerable.Range(0, length).Where(i => search.Result.Contains(Math.Abs(values[i]), i)).ToHashSet();
            Assert.True(selected.SetEquals(order.Take(wanted)));
            Assert.Equal(kind != "a sample of something else", passes == 1);
        }
    }

    /// <summary>Each stretch of the tensor has one piece within it, none is cut off at its end, and they do not all begin in the same column.</summary>
    [Theory]
    [InlineData(700_003)]
    [InlineData(2_359_296)]
    [InlineData(300_000_000_000)]
    public void Pieces_of_a_sample_lie_all_over_the_tensor(long length)
    {
        using Device device = DeviceCases.Open("cpu", 2);
        var shape = new ChunkShape(length, 9, 1, new MemoryPlan(new ExecutionOptions { Device = device, Threads = 2 }, 0));
        long[] places = SamplePlaces.Of(shape);
        Assert.InRange(places.Length, 128, 8192);
        for (int i = 0; i < places.Length; i++)
        {
            long begin = (long)((UInt128)(ulong)length * (ulong)i / (ulong)places.Length), end = (long)((UInt128)(ulong)length * ((ulong)i + 1) / (ulong)places.Length);
            Assert.InRange(places[i], begin, end - SampleSize.Piece);
        }

        Assert.True(places.Select(p => p % 768 / 48).Distinct().Count() > 8);
        Assert.Empty(SamplePlaces.Of(new ChunkShape(20_000, 9, 1, new MemoryPlan(new ExecutionOptions { Device = device, Threads = 2 }, 0))));
    }

    private static void Show(int length, int chunk, Action<int, int> show)
    {
        for (int start = 0; start < length; start += chunk) show(start, Math.Min(chunk, length - start));
    }
}
