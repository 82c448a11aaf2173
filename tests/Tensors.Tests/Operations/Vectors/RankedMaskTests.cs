using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Operations.Reference;

namespace MergeEngine.Tensors.Tests.Operations.Vectors;

/// <summary>
/// The CPU's ranked masks, which bound ranks by counts and sort only where they must, against those of the reference, which sorts every row: bit for bit, at every vector width,
/// over rows that leave no rank open, some, or all.
/// </summary>
public sealed class RankedMaskTests
{
    private const ulong Key = 0x0123_4567_89AB_CDEF;

    private static readonly Dictionary<string, Func<Random, float>> s_rows = new()
    {
        ["normal"] = r => 0.002f * Normal(r),
        ["heavy tails"] = r => Normal(r) / (0.01f + MathF.Abs(Normal(r))),
        ["a third zeros"] = r => r.Next(3) == 0 ? 0 : Normal(r),
        ["half of BF16's digits"] = r => MathF.Round(Normal(r) * 16) / 16,
        ["one value"] = _ => 0.5f,
        ["nothing but zeros of both signs"] = r => r.Next(2) == 0 ? 0 : -0f,
        ["thirty octaves"] = r => MathF.ScaleB(1 + (float)r.NextDouble(), -r.Next(30)),
        ["some infinite or NaN"] = r => r.Next(100) switch { 0 => float.PositiveInfinity, 1 => float.NaN, 2 => float.NegativeInfinity, _ => Normal(r) },
        ["some outliers"] = r => r.Next(50) == 0 ? 1e6f * Normal(r) : Normal(r),
        ["mostly zeros"] = r => r.Next(40) == 0 ? Normal(r) : 0,
        ["denormal"] = r => r.Next(-1000, 1000) * float.Epsilon,
    };

    public static TheoryData<string, int> Rows => new(from row in s_rows.Keys from columns in new[] { 1, 3, 31, 32, 63, 64, 200, 768, 3072, 12_288, 20_001 } select (row, columns));

    [Theory]
    [MemberData(nameof(Rows))]
    public void Ranks_that_are_bounded_counted_or_sorted_give_one_mask(string row, int columns)
    {
        var random = new Random(columns);
        int rows = Math.Clamp(5000 / columns, 1, 40);
        float[] values = [.. Enumerable.Range(0, rows * columns).Select(_ => s_rows[row](random))];
        foreach ((double low, double high) in new[] { (0.4, 0.6), (0, 1), (0.85, 1), (0, 0.01), (0.7, 0.7), (0.9, 0.2), (1, 1), (0.5, 0.5 + 1e-9), (0.5, 0.5 + 1e-6), (1 - 1e-7, 1) })
        {
            long firstIndex = random.NextInt64(1L << 40);
            byte[] expected = Mask(new ReferenceDevice(), values, columns, low, high, firstIndex);
            foreach (SimdLevel simd in SimdLevels.Supported)
                Assert.Equal(expected, Mask(new CpuDevice(2, simd), values, columns, low, high, firstIndex));
        }
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void Ranks_of_differences_are_those_of_differences_that_were_stored(string row, int columns)
    {
        var random = new Random(columns + 1);
        int rows = Math.Clamp(40_000 / columns, 1, 100);
        float[] origin = [.. Enumerable.Range(0, rows * columns).Select(_ => Normal(random))], values = [.. origin.Select(o => o + s_rows[row](random))];
        float[] differences = [.. values.Zip(origin, (x, o) => x - o)];
        foreach ((double low, double high) in new[] { (0.4, 0.6), (0, 1), (0.9, 0.2), (0.5, 0.5 + 1e-6) })
        {
            long firstIndex = random.NextInt64(1L << 40);
            byte[] expected = Mask(new ReferenceDevice(), differences, columns, low, high, firstIndex);
            Assert.Equal(expected, Mask(new ReferenceDevice(), values, columns, low, high, firstIndex, origin));
            foreach (SimdLevel simd in SimdLevels.Supported)
                Assert.Equal(expected, Mask(new CpuDevice(2, simd), values, columns, low, high, firstIndex, origin));
        }
    }

    /// <summary>
    /// Limits at, hardly below and hardly above the word of an element's rank, over ranges of no word, less than one, or many: what is rounded for a quick answer must not decide.
    /// </summary>
    [Theory]
    [InlineData(32)]
    [InlineData(64)]
    public void A_word_at_the_limit_of_its_rank_is_decided_as_the_reference_decides_it(int columns)
    {
        const double words = 4294967296.0;
        double[] distances = [-1, -0.25, -2e-6, 0, 2e-6, 0.25, 1];
        var random = new Random(columns);
        float[] values = [.. Enumerable.Range(0, columns).Select(_ => Normal(random))];
        int[] ranks = [.. values.Select(x => values.Count(y => MathF.Abs(y) < MathF.Abs(x)))];
        using var reference = new ReferenceDevice();
        CpuDevice[] devices = [.. SimdLevels.Supported.Select(simd => new CpuDevice(1, simd))];
        for (int i = 0; i < 20_000; i++)
        {
            long firstIndex = 4 * random.NextInt64(1L << 40);
            int element = random.Next(columns / 4) * 4;
            uint word = Philox.Generate(Key, 0, (ulong)(firstIndex + element) / 4).X0;
            double range = random.Next(10) == 0 ? 0 : Math.Pow(10, (12 * random.NextDouble()) - 3), limit = word + distances[random.Next(distances.Length)];
            double low = Math.Clamp(limit - (ranks[element] * range / (columns - 1)), 0, words - range);
            byte[] expected = MaskOf(reference, values, columns, low / words, (low + range) / words, firstIndex);
            foreach (CpuDevice device in devices) Assert.Equal(expected, MaskOf(device, values, columns, low / words, (low + range) / words, firstIndex));
        }

        foreach (CpuDevice device in devices) device.Dispose();
    }

    private static byte[] Mask(Device device, float[] values, int columns, double low, double high, long firstIndex, float[]? origin = null)
    {
        using (device) return MaskOf(device, values, columns, low, high, firstIndex, origin);
    }

    private static byte[] MaskOf(Device device, float[] values, int columns, double low, double high, long firstIndex, float[]? origin = null)
    {
        using DeviceBuffer input = device.Allocate<float>(values.Length), output = device.Allocate<byte>(values.Length), subtracted = device.Allocate<float>(values.Length);
        device.Upload<float>(values, input.AsSpan<float>());
        if (origin is not null) device.Upload<float>(origin, subtracted.AsSpan<float>());
        device.Operations.RankedMask(output.AsSpan<byte>(), input.AsSpan<float>(), columns, Key, low, high, firstIndex, origin is null ? default : subtracted.AsSpan<float>());
        var mask = new byte[values.Length];
        device.Download(output.AsSpan<byte>(), mask.AsSpan());
        return mask;
    }

    private static float Normal(Random random) => (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
}
