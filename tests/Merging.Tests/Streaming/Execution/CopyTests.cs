using MergeEngine.Merging.Streaming.Execution;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Tests.Streaming.Execution;

/// <summary>Tensors that no method merges.</summary>
public sealed class CopyTests
{
    private const string Recipe = "merge_method: task_arithmetic\nbase_model: models/base\nmodels:\n- {model: models/a, parameters: {weight: 1}}\n";

    /// <summary>The bytes 7F BF, a little less than −1 in bfloat16, are a NaN to whoever begins with the second of them.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(1001)]
    [InlineData(4098)]
    public void Values_are_whole_wherever_chunks_end(int chunk)
    {
        using var models = Write(Enumerable.Repeat(-0.99609375f, 30_001));
        using MergeJob job = models.Plan(Recipe);
        using Device device = Device.Open("cpu", 2);
        string output = models.Merge(job, device, new ExecutionOptions { Device = device, Threads = 2, ChunkBytes = chunk, Strict = true });
        using Checkpoint written = Checkpoint.Open(output), read = Checkpoint.Open(models.File("models/base"));
        Assert.True(read.GetSpan("head.w").SequenceEqual(written.GetSpan("head.w")));
    }

    [Fact]
    public void A_NaN_is_found_wherever_chunks_end()
    {
        for (int place = 0; place < 100; place++)
        {
            using var models = Write(Enumerable.Range(0, 100).Select(i => i == place ? float.NaN : 1));
            using MergeJob job = models.Plan(Recipe);
            using Device device = Device.Open("cpu", 1);
            var e = Assert.Throws<SafetensorsException>(() => models.Merge(job, device, new ExecutionOptions { Device = device, Threads = 1, ChunkBytes = 33, Strict = true }));
            Assert.Contains("\"head.w\" holds NaN", e.Message, StringComparison.Ordinal);
        }
    }

    /// <summary>A base with a head that the model has not.</summary>
    private static GeneratedModels Write(IEnumerable<float> head)
    {
        var models = new GeneratedModels(inMemory: true);
        float[] values = [.. head];
        models.Write("a", 1, DType.BF16, [("w", [4])]);
        Directory.CreateDirectory(models.File("models/base"));
        SafetensorsWriter.Write(
            models.File("models/base/model.safetensors"),
            [TensorContent.FromFloat32("w", new Shape(4), new float[4], DType.BF16), TensorContent.FromFloat32("head.w", new Shape(values.Length), values, DType.BF16)]);
        return models;
    }
}
