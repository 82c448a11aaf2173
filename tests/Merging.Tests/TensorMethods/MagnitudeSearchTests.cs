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
        var search = new MagnitudeSearch(wanted, length, room: 1000);
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
}
