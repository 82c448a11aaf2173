using MergeEngine.Merging.Streaming.Execution;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Streaming.Profiling;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Tests.Streaming.Execution;

/// <summary>What may change nothing: threads, memory, chunks, shards.</summary>
public sealed class SameBitsTests
{
    private const long Mebi = 1 << 20;

    public static TheoryData<string, string> Cases => [.. from method in MethodRecipes.All from dtype in new[] { "float32", "bfloat16" } select (method.Data, dtype)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Threads_memory_and_chunks_change_no_bit(string method, string dtype)
    {
        using GeneratedModels models = Write();
        using MergeJob job = models.Plan(MethodRecipes.Of(method, $"dtype: {dtype}", models: method == "nuslerp" ? 2 : 3));
        SortedDictionary<string, byte[]>? first = null;
        string? hash = null;
        foreach ((int threads, long limit, int chunk) in new[] { (1, 512, 4 << 20), (2, 128, 20_000), (2, 1, 4 << 20), (3, 160, 5_000), (4, 97, 1_000) })
        {
            using Device device = Device.Open("cpu", threads);
            SortedDictionary<string, byte[]> found = GeneratedModels.Bytes(models.Merge(job, device, new ExecutionOptions { Device = device, Threads = threads, MemoryLimit = limit * Mebi, ChunkBytes = chunk }));
            string own = models.Manifest!.Outputs.Single(o => o.Name == "model.safetensors").Sha256!;
            Assert.Equal(first ??= found, found);
            Assert.Equal(hash ??= own, own);
        }
    }

    /// <summary>A tensor of many chunks has a sample and is read again, one of a single chunk neither, and computed inputs are held.</summary>
    [Theory]
    [InlineData("ties", DType.F32)]
    [InlineData("ties", DType.BF16)]
    [InlineData("breadcrumbs", DType.F16)]
    [InlineData("sce", DType.F32)]
    public void Samples_and_reading_again_change_no_bit(string method, DType dtype)
    {
        using var models = new GeneratedModels();
        for (int k = 0; k < 3; k++) models.Write(k == 0 ? "base" : k == 1 ? "a" : "b", k, dtype, [("a.weight", [700, 1000])]);
        using MergeJob job = models.Plan(MethodRecipes.Of(method, method == "sce" ? "dtype: float32\nparameters: {select_topk: 0.2}" : "dtype: float32"));
        using Device device = Device.Open("cpu", 2);
        var times = new StageTimes();
        SortedDictionary<string, byte[]> Of(int chunk, StageTimes? own = null) =>
            GeneratedModels.Bytes(models.Merge(job, device, new ExecutionOptions { Device = device, Threads = 2, ChunkBytes = chunk, Times = own }));
        Assert.Equal(Of(32 << 20), Of(2 << 20, times));

        // The files were just read: a sample of the tensor, 1/64 of it or 128 pieces, and a pass over it, of sce over the base alone. Without a sample there would be a pass more.
        SafetensorsFile file = job.Inputs[0].Files[0];
        Assert.SkipUnless(file.TryReadCached(file["a.weight"], 0, new byte[128]), "The system or its file system cannot tell what is in memory.");
        long once = job.Tensors[0].Sources.Sum(s => s.Checkpoint[s.Tensor].ByteLength);
        double passes = (double)times.All.Single(t => t.Stage == MergeStage.ReadingAgain).Bytes / once;
        Assert.InRange(passes, method == "sce" ? 0.33 : 1, method == "sce" ? 0.39 : 1.06);
    }

    [Theory]
    [InlineData(50_000)]
    [InlineData(110_000)]
    public void Shards_change_no_tensor(long shardSize)
    {
        using GeneratedModels models = Write();
        using MergeJob job = models.Plan(MethodRecipes.Of("dare_ties"));
        using Device device = Device.Open("cpu", 2);
        SortedDictionary<string, byte[]> whole = GeneratedModels.Bytes(models.Merge(job, device));
        string sharded = models.Merge(job, device, shardSize: shardSize);
        Assert.True(Directory.GetFiles(sharded, "*.safetensors").Length > 1);
        Assert.Equal(whole, GeneratedModels.Bytes(sharded));
    }

    [Fact]
    public void Hashes_cost_no_bit_and_small_tensors_need_no_order()
    {
        using var models = new GeneratedModels();
        (string, long[])[] tensors = [.. Enumerable.Range(0, 700).Select(i => ($"t.{i * 7919 % 700:d3}.{(i % 3 == 0 ? "weight" : "bias")}", new long[] { 1 + (i * 31 % 97) }))];
        for (int k = 0; k < 3; k++) models.Write(k == 0 ? "base" : k == 1 ? "a" : "b", k, DType.F32, tensors);
        using MergeJob job = models.Plan(MethodRecipes.Of("ties"));
        using Device device = Device.Open("cpu", 3);
        SortedDictionary<string, byte[]> hashed = GeneratedModels.Bytes(models.Merge(job, device));
        Assert.Equal(700, hashed.Count);
        Assert.Equal(hashed, GeneratedModels.Bytes(models.Merge(job, device, new ExecutionOptions { Device = device, Threads = 3, ChunkBytes = 3_000 }, hash: false)));
    }

    private static GeneratedModels Write()
    {
        var models = new GeneratedModels();
        models.Write("base", 1);
        models.Write("a", 2);
        models.Write("b", 3, DType.BF16);
        models.Write("c", 4, DType.F16);
        return models;
    }
}
