using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.TensorMethods;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tests.Support;
using TensorMethodTable = MergeEngine.Merging.TensorMethods.TensorMethods;

namespace MergeEngine.Merging.Tests.TensorMethods;

/// <summary>SCE after a sample: whatever that says, the bits are those without one.</summary>
public sealed class SceCandidatesTests
{
    private const int Length = 300_000, Piece = 128;

    private static int Pieces => (int)SampleSize.Pieces(Length);

    public enum Values
    {
        Random,

        /// <summary>Elements of two sizes, so that many variances are equal.</summary>
        FewSizes,

        /// <summary>Half of the elements are the same in all models.</summary>
        HalfEqual,

        /// <summary>Some are not finite, in models and in the base.</summary>
        NotFinite,
    }

    public enum Shown
    {
        /// <summary>Pieces at equal distances.</summary>
        True,

        /// <summary>Of much larger variance than the tensor: too few would be written down.</summary>
        TooLarge,

        /// <summary>Of much smaller variance: there is no room for all that would be.</summary>
        TooSmall,

        /// <summary>Pieces at equal distances, but the last were on a disk.</summary>
        NotWhole,
    }

    [Theory]
    [InlineData(0.1, Values.Random, Shown.True, true)]
    [InlineData(0.29, Values.Random, Shown.True, true)]
    [InlineData(0.000001, Values.Random, Shown.True, true)]
    [InlineData(0.1, Values.HalfEqual, Shown.True, true)]
    [InlineData(0.1, Values.NotFinite, Shown.True, true)]
    [InlineData(0.1, Values.FewSizes, Shown.True, false)]
    [InlineData(0.1, Values.Random, Shown.TooLarge, false)]
    [InlineData(0.1, Values.Random, Shown.TooSmall, false)]
    [InlineData(0.1, Values.Random, Shown.NotWhole, false)]
    public void A_sample_changes_passes_and_no_bit(double share, Values kind, Shown shown, bool isEnough)
    {
        using Device device = DeviceCases.Open("cpu", 2);
        float[][] inputs = [.. Enumerable.Range(0, 4).Select(k => Make(kind, k))];
        (float[] plain, int passes, bool _) = Merge(device, share, inputs, null);
        Assert.Equal(2, passes);
        float factor = shown == Shown.TooLarge ? 100 : shown == Shown.TooSmall ? 0.01f : 1;
        float[][] sample = [.. inputs.Select(x => Enumerable.Range(0, Pieces).SelectMany(p => x.AsSpan(Length / Piece / Pieces * p * Piece, Piece).ToArray()).Select(v => v * factor).ToArray())];
        (float[] found, int foundPasses, bool readsModels) = Merge(device, share, inputs, sample, shown != Shown.NotWhole);
        Assert.Equal(plain.Select(BitConverter.SingleToInt32Bits), found.Select(BitConverter.SingleToInt32Bits));
        Assert.Equal((isEnough ? 1 : shown is Shown.True or Shown.NotWhole ? 2 : 3, !isEnough), (foundPasses, readsModels));
    }

    [Fact]
    public void Many_selected_are_not_written_down()
    {
        using Device device = DeviceCases.Open("cpu", 1);
        using TensorMerge half = Begin(device, 0.5), none = Begin(device, 0.1, spare: 100_000), tenth = Begin(device, 0.1);
        Assert.Equal((false, false, true), (half.WantsSample, none.WantsSample, tenth.WantsSample));
    }

    private static float[] Make(Values kind, int model)
    {
        var random = new Random(model);
        var values = new float[Length];
        for (int i = 0; i < Length; i++)
        {
            values[i] = kind switch
            {
                Values.FewSizes => random.Next(2),
                Values.HalfEqual when i % 2 == 0 => i,
                Values.NotFinite when i % 5000 == model => i % 3 == 0 ? float.NaN : float.PositiveInfinity,
                _ => (float)((random.NextDouble() - 0.5) * random.NextDouble()),
            };
        }

        return values;
    }

    private static TensorMerge Begin(Device device, double share, long spare = 64 << 20)
    {
        RecipeSlice slice = TensorRun.Slice("sce", ["llama-a", "llama-b", "llama-c"], "llama-base", FormattableString.Invariant($"select_topk: {share}"));
        var place = new TensorPlace("w", null, 0);
        return TensorMethodTable.Find("sce", slice.Method.Dialect)!.Begin(new TensorTask(device, "w", new Shape(Length), 4, slice.BaseIndex ?? -1, slice.At(place), 7) { Spare = spare });
    }

    private static (float[] Merged, int Passes, bool ReadsModels) Merge(Device device, double share, float[][] inputs, float[][]? sample, bool isWhole = true)
    {
        using TensorMerge merge = Begin(device, share);
        DeviceBuffer[] buffers = [.. inputs.Select(x => Upload(device, x))];
        using DeviceBuffer result = device.Allocate<float>(Length);
        if (sample is not null)
        {
            DeviceBuffer[] pieces = [.. sample.Select(x => Upload(device, x))];
            int half = sample[0].Length / 2 / Piece * Piece;
            merge.Sample(new TensorChunk(0, [.. pieces.Select(p => p.AsSpan<float>().Slice(0, half))], default), Piece);
            merge.Sample(new TensorChunk(0, [.. pieces.Select((p, k) => p.AsSpan<float>().Slice(half, sample[k].Length - half))], default), Piece);
            merge.CompleteSample(isWhole);
            foreach (DeviceBuffer buffer in pieces) buffer.Dispose();
        }

        int passes = 0;
        for (; merge.NeedsPass; passes++)
        {
            Chunks((first, length) => merge.Accumulate(new TensorChunk(first, [.. buffers.Select(b => b.AsSpan<float>().Slice(first, length))], default)));
            merge.CompletePass();
        }

        bool[] reads = [.. Enumerable.Range(0, inputs.Length).Select(merge.MapReads)];
        Chunks((first, length) => merge.Map(new TensorChunk(first, [.. buffers.Select(b => b.AsSpan<float>().Slice(first, length))], result.AsSpan<float>().Slice(first, length))));
        var merged = new float[Length];
        device.Download(result.AsSpan<float>(), merged.AsSpan());
        foreach (DeviceBuffer buffer in buffers) buffer.Dispose();
        Assert.Contains(true, reads);
        return (merged, passes, reads.All(r => r));
    }

    private static DeviceBuffer Upload(Device device, float[] values)
    {
        DeviceBuffer buffer = device.Allocate<float>(values.Length);
        device.Upload<float>(values, buffer.AsSpan<float>());
        return buffer;
    }

    private static void Chunks(Action<long, long> show)
    {
        for (long first = 0; first < Length; first += 70_016) show(first, Math.Min(70_016, Length - first));
    }
}
