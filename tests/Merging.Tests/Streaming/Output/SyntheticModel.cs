using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Merging.Tests.Streaming.Output;

/// <summary>Tensors whose bytes follow from their name and place, so that what was written can be told anywhere.</summary>
internal static class SyntheticModel
{
    public static readonly OutputOptions Options = new() { Threads = 2 };

    /// <summary>A plan of three files: 20 MiB of tensors, one of 17 MiB in a file of its own, more than one piece each.</summary>
    public static OutputPlan Large { get; } = OutputPlan.Create(
        [
            new("b", DType.F32, new Shape(1 << 20)), new("a", DType.BF16, new Shape(3, 1 << 20)), new("ids", DType.I64, new Shape(5)), new("c", DType.F32, new Shape(2, 1 << 20)),
            new("large", DType.F32, new Shape(17, 1 << 18)), new("empty", DType.F32, new Shape(0, 7)), new("scale", DType.F64, new Shape()), new("d", DType.U8, new Shape(9_000_001)),
        ],
        shardSize: 16 << 20);

    public static OutputPlan Small { get; } = OutputPlan.Create(
        [new("layer.0.weight", DType.F32, new Shape(30, 20)), new("layer.0.bias", DType.F16, new Shape(30)), new("step", DType.I64, new Shape())], shardSize: 2000);

    public static MergeDescription Description(params InputFile[] inputs) => Of("models: []\n", inputs);

    public static MergeDescription Of(string recipe, params InputFile[] inputs) =>
        new() { Recipe = recipe, Dialect = "mergekit", Seed = 7, Inputs = inputs, Options = new Dictionary<string, string> { ["out-dtype"] = "bfloat16" } };

    /// <summary>The bytes of a tensor: no two places look alike for long.</summary>
    public static byte[] BytesOf(PlannedTensor tensor, long first, int count, int version = 0)
    {
        byte[] bytes = new byte[count];
        ulong state = (ulong)(tensor.Name[0] + (version << 8));
        for (int i = 0; i < count; i++) bytes[i] = (byte)((((ulong)(first + i) + state) * 0x9E3779B97F4A7C15) >> 56);
        return bytes;
    }

    /// <summary>All chunks of a plan, none larger than a size.</summary>
    public static IEnumerable<(PlannedTensor Tensor, long First, int Count)> Chunks(OutputPlan plan, int size) =>
        from tensor in plan.Tensors
        from first in Enumerable.Range(0, (int)((tensor.ByteLength + size - 1) / size)).Select(i => (long)i * size)
        select (tensor, first, (int)Math.Min(size, tensor.ByteLength - first));

    public static void WriteAll(OutputDirectory output, OutputPlan plan, int chunk = 1 << 20, int version = 0)
    {
        foreach (var (tensor, first, count) in Chunks(plan, chunk))
        {
            if (!output.IsWritten(tensor, first, count)) output.Write(tensor, first, BytesOf(tensor, first, count, version));
        }
    }

    /// <summary>A whole output.</summary>
    public static MergeManifest Write(string path, OutputPlan plan, OutputOptions? options = null, int version = 0)
    {
        using OutputDirectory output = OutputDirectory.Open(path, plan, Of($"version: {version}\n"), options ?? Options);
        WriteAll(output, plan, version: version);
        output.AddFile("config.json", """{"model_type":"none"}"""u8);
        return output.Complete();
    }

    /// <summary>Every file of a directory but the manifest, whose times differ.</summary>
    public static Dictionary<string, byte[]> Files(string directory) => Directory.GetFiles(directory)
        .Where(f => Path.GetFileName(f) != MergeManifest.FileName).ToDictionary(f => Path.GetFileName(f)!, File.ReadAllBytes);

    public static void AssertSameFiles(string expected, string actual)
    {
        Dictionary<string, byte[]> wanted = Files(expected), found = Files(actual);
        Assert.Equal(wanted.Keys.Order(), found.Keys.Order());
        Assert.All(wanted, pair => Assert.True(pair.Value.AsSpan().SequenceEqual(found[pair.Key]), pair.Key));
    }
}
