using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Operations.Reference;

namespace MergeEngine.Tensors.Tests.Operations.Vectors;

/// <summary>
/// Masks by ranks that are drawn with the norms of what they keep, against masks that are drawn first and sums over stored differences: the same bits at every vector width, on one thread,
/// where both come from one look at a row, and on several.
/// </summary>
public sealed class RankedSumsTests
{
    private const ulong Key = 0x0123_4567_89AB_CDEF;

    private static readonly Dictionary<string, Func<Random, float>> s_differences = new()
    {
        ["normal"] = r => 0.002f * Normal(r),
        ["one value, whose ranks are sorted"] = _ => 0.5f,
        ["some infinite or NaN"] = r => r.Next(5000) switch { 0 => float.PositiveInfinity, 1 => float.NaN, _ => Normal(r) },
        ["zeros of both signs among others"] = r => r.Next(3) switch { 0 => 0, 1 => -0f, _ => Normal(r) },
    };

    public static TheoryData<string, int> Rows => new(from row in s_differences.Keys from columns in new[] { 1, 31, 40, 768, 1000, 3072, 20_001 } select (row, columns));

    [Theory]
    [MemberData(nameof(Rows))]
    public void Norms_of_masks_that_are_drawn_have_the_bits_of_stored_differences(string row, int columns)
    {
        // Several blocks of the sums, whose ends lie within rows.
        var random = new Random(columns);
        int rows = (50_000 / columns) + 1, length = rows * columns;
        float[] origin = [.. Enumerable.Range(0, length).Select(_ => Normal(random))], values = [.. origin.Select(o => o + s_differences[row](random))];
        (byte[] Mask, double[] Sums) expected = default;
        foreach (Device device in (Device[])[new ReferenceDevice(), .. SimdLevels.Supported.SelectMany(s => new[] { new CpuDevice(1, s), new CpuDevice(3, s) })])
        {
            using (device)
            {
                using DeviceBuffer x = device.Allocate<float>(length), o = device.Allocate<float>(length), m = device.Allocate<byte>(length), d = device.Allocate<float>(length), v = device.Allocate<float>(length);
                device.Upload<float>(values, x.AsSpan<float>());
                device.Upload<float>(origin, o.AsSpan<float>());
                if (expected.Mask is null)
                {
                    using var stored = new RunningSums(device, 2, SumTerms.Magnitudes);
                    device.Operations.Subtract(d.AsSpan<float>(), x.AsSpan<float>(), o.AsSpan<float>());
                    device.Operations.RankedMask(m.AsSpan<byte>(), d.AsSpan<float>(), columns, Key, 0.4, 0.6);
                    device.Operations.ApplyMask(v.AsSpan<float>(), d.AsSpan<float>(), m.AsSpan<byte>());
                    stored.Add([d.AsSpan<float>(), v.AsSpan<float>()]);
                    expected = (Read(device, m, length), stored.Read().ToArray());
                }

                foreach (int part in new[] { rows, Math.Max(rows / 3, 1) })
                {
                    using var norms = new RunningSums(device, 2, SumTerms.Magnitudes);
                    device.Upload<byte>(new byte[length], m.AsSpan<byte>());
                    for (int start = 0, count; start < length; start += count)
                    {
                        count = Math.Min(part * columns, length - start);
                        norms.AddRanked(m.AsSpan<byte>().Slice(start, count), x.AsSpan<float>().Slice(start, count), o.AsSpan<float>().Slice(start, count), columns, Key, 0.4, 0.6);
                    }

                    Assert.Equal(expected.Mask, Read(device, m, length));
                    Assert.Equal(expected.Sums, norms.Read().ToArray());
                }
            }
        }
    }

    [Fact]
    public void Only_two_sums_of_magnitudes_take_a_ranked_difference()
    {
        using var device = new CpuDevice(1);
        using DeviceBuffer x = device.Allocate<float>(32), m = device.Allocate<byte>(32);
        using RunningSums products = new(device, 2), one = new(device, 1, SumTerms.Magnitudes);
        foreach (RunningSums sums in (RunningSums[])[products, one])
        {
            string message = Assert.Throws<InvalidOperationException>(() => sums.AddRanked(m.AsSpan<byte>(), x.AsSpan<float>(), x.AsSpan<float>(), 32, Key, 0, 1)).Message;
            Assert.Contains("a ranked difference has two of magnitudes", message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Drawing_with_norms_allocates_nothing()
    {
        using var device = new CpuDevice(1);
        using DeviceBuffer x = device.Allocate<float>(7680), o = device.Allocate<float>(7680), m = device.Allocate<byte>(7680);
        using var norms = new RunningSums(device, 2, SumTerms.Magnitudes);
        for (int i = 0; i < 3; i++) norms.AddRanked(m.AsSpan<byte>(), x.AsSpan<float>(), o.AsSpan<float>(), 768, Key, 0.4, 0.6);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 10; i++) norms.AddRanked(m.AsSpan<byte>(), x.AsSpan<float>(), o.AsSpan<float>(), 768, Key, 0.4, 0.6);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static byte[] Read(Device device, DeviceBuffer mask, int length)
    {
        var bytes = new byte[length];
        device.Download(mask.AsSpan<byte>(), bytes.AsSpan());
        return bytes;
    }

    private static float Normal(Random random) => (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
}
