using MergeEngine.Merging.Methods;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Methods;

/// <summary>A merge gives the same bits in one piece, in ragged pieces, in the base's own memory and with any number of threads.</summary>
public sealed class ChunkTests
{
    public static readonly IReadOnlyDictionary<string, MergeMethod> All = new MergeMethod[]
    {
        new WeightAveraging(),
        new WeightAveraging(1, 2, 3, 4),
        new TaskArithmetic(0.3),
        new TaskArithmetic(new Coefficients(0.3, -0.2, 1, 0)),
        new Ties(0.2, 1),
        new Ties(0.7, 0.4),
        new Ties(1, 1),
        new Tatr(new TrustRegion(0.9), 0.3),
        new Tatr(new TrustRegion(0.5), new Coefficients(1, 2, 3, 4)),
        new Tatr(new TrustRegion(0), 0.3),
        new Tatr(new TrustRegion(0.9, zeroShot: true), 0.3),
        new InTrustRegion(new TrustRegion(0.9), new Ties(0.2, 1)),
        new InTrustRegion(new TrustRegion(0.5, zeroShot: true), new Ties(0.5, 0.7)),
        new InTrustRegion(new TrustRegion(0.7), new Tatr(new TrustRegion(0.5), 1)),
    }.ToDictionary(m => m.ToString());

    public static TheoryData<string> Names => [.. All.Keys];

    [Theory, MemberData(nameof(Names))]
    public void Ragged_chunks_give_the_bits_of_one_chunk(string name)
    {
        for (int seed = 0; seed < 8; seed++)
        {
            using var models = new RandomModels(seed);
            float[] expected = models.MergeToHost(All[name]);
            Assert.Equal(expected, Streamed(models, All[name], new Random(seed)));
            foreach (long length in new[] { seed == 0 ? 1L : 21, 64, 1000 })
            {
                using var output = new ParameterVector(models.Device, models.Layout);
                InMemoryMerge.Run(All[name], models.Base, models.Vectors, output, models.Gradients, length);
                Assert.Equal(expected, output.Values.HostSpan.ToArray());
            }
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void The_base_can_be_the_output(string name)
    {
        using var models = new RandomModels(3);
        float[] expected = models.MergeToHost(All[name]);
        InMemoryMerge.Run(All[name], models.Base, models.Vectors, models.Base, models.Gradients, 50);
        Assert.Equal(expected, models.Base.Values.HostSpan.ToArray());
    }

    [Theory, MemberData(nameof(Names))]
    public void Threads_and_devices_do_not_matter(string name)
    {
        using var reference = new RandomModels(5, 4, "reference", 20_000, 777);
        using var cpu = new RandomModels(5, 4, "cpu", 20_000, 777);
        Assert.Equal(reference.MergeToHost(All[name]), cpu.MergeToHost(All[name]));
    }

    /// <summary>Several thousand elements are several blocks of every kernel.</summary>
    [Theory, MemberData(nameof(Names))]
    public void A_gpu_gives_the_bits_of_the_processor(string name)
    {
        using var gpu = new RandomModels(5, 4, CudaUnderTest.Name, 20_000, 777, 3);
        using var cpu = new RandomModels(5, 4, "cpu", 20_000, 777, 3);
        Assert.Equal(cpu.MergeToHost(All[name]), gpu.MergeToHost(All[name]));
        float[] whole = gpu.MergeToHost(All[name]);
        using var output = new ParameterVector(gpu.Device, gpu.Layout);
        InMemoryMerge.Run(All[name], gpu.Base, gpu.Vectors, output, gpu.Gradients, 4097);
        Assert.Equal(whole, output.Values.ToHost());
    }

    [Theory, MemberData(nameof(Names))]
    public void Gaps_stay_zero(string name)
    {
        using var models = new RandomModels(8);
        using ParameterVector merged = models.Merge(All[name]);
        var gap = Enumerable.Repeat(true, (int)models.Layout.Length).ToArray();
        foreach (Parameter parameter in models.Layout.Parameters) gap.AsSpan((int)parameter.Offset, (int)parameter.Length).Clear();
        for (int i = 0; i < gap.Length; i++) Assert.False(gap[i] && BitConverter.SingleToUInt32Bits(merged.Values.HostSpan[i]) != 0, $"Element {i} lies in a gap.");
    }

    /// <summary>
    /// What a merge from disk does: parameters without gaps, one buffer that is filled anew for every chunk, pieces of any length.
    /// </summary>
    private static float[] Streamed(RandomModels models, MergeMethod method, Random random)
    {
        float[] origin = Packed(models, models.Base);
        float[][] vectors = [.. models.Vectors.Select(v => Packed(models, v))];
        float[][] gradients = [.. models.Gradients.Select(g => Packed(models, g))];
        var merged = new float[origin.Length];
        using MergePlan plan = method.Plan(new MergeShape(models.Device, vectors.Length, origin.Length, true));
        using DeviceBuffer buffer = models.Device.Allocate<float>((2 + vectors.Length + gradients.Length) * origin.Length);
        while (plan.NeedsPass)
        {
            Pass((in MergeChunk chunk) => plan.Accumulate(chunk));
            plan.CompletePass();
        }

        Pass((in MergeChunk chunk) =>
        {
            plan.Map(chunk);
            models.Device.Download(chunk.Output, merged.AsSpan((int)chunk.FirstIndex, (int)chunk.Length));
        });

        var unpacked = new float[models.Layout.Length];
        int at = 0;
        foreach (Parameter parameter in models.Layout.Parameters)
        {
            merged.AsSpan(at, (int)parameter.Length).CopyTo(unpacked.AsSpan((int)parameter.Offset));
            at += (int)parameter.Length;
        }

        return unpacked;

        void Pass(ChunkAction action)
        {
            for (int first = 0; first < origin.Length;)
            {
                int length = Math.Min(random.Next(1, 90), origin.Length - first);
                int slot = 0;
                DeviceSpan<float> Fill(float[] values)
                {
                    DeviceSpan<float> span = buffer.AsSpan<float>().Slice((long)slot++ * length, length);
                    models.Device.Upload<float>(values.AsSpan(first, length), span);
                    return span;
                }

                action(new MergeChunk(first, Fill(origin), [.. vectors.Select(Fill)], [.. gradients.Select(Fill)], Fill(merged)));
                first += length;
            }
        }
    }

    private delegate void ChunkAction(in MergeChunk chunk);

    private static float[] Packed(RandomModels models, ParameterVector vector) => [.. models.Layout.Parameters.SelectMany(p => vector.Download(p.Name))];
}
