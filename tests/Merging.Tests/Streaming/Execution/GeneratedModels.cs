using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Streaming.Execution;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Streaming.Execution;

/// <summary>Small random models in files, and merges of them from recipe to finished directory.</summary>
internal sealed class GeneratedModels(bool inMemory = false) : IDisposable
{
    private readonly TemporaryDirectory _directory = new(inMemory);
    private int _outputs;

    /// <summary>Odd sizes, a matrix of long rows, a scalar, an empty tensor, a vector of one element.</summary>
    public static IReadOnlyList<(string Name, long[] Shape)> Usual { get; } =
    [
        ("embed.weight", [301, 64]), ("layers.0.mlp.weight", [96, 257]), ("layers.0.norm.weight", [257]), ("layers.1.mlp.weight", [96, 257]),
        ("layers.1.norm.weight", [257]), ("empty", [0, 4]), ("one", [1]), ("scale", []),
    ];

    /// <summary>Of the last merge.</summary>
    public MergeManifest? Manifest { get; private set; }

    public string Root => _directory.Path;

    public string File(string name) => _directory.File(name);

    /// <summary>Writes <c>models/NAME</c>: multiples of 1/1024 from a short range, so that equal magnitudes and zeros are among them.</summary>
    public void Write(string name, int seed, DType dtype = DType.F32, IReadOnlyList<(string Name, long[] Shape)>? tensors = null)
    {
        var random = new Random(seed);
        Directory.CreateDirectory(File($"models/{name}"));
        SafetensorsWriter.Write(File($"models/{name}/model.safetensors"), (tensors ?? Usual).Select(t =>
        {
            var shape = new Shape(t.Shape);
            var values = new float[shape.ElementCount];
            foreach (ref float value in values.AsSpan()) value = random.Next(-700, 701) / 1024f;
            return TensorContent.FromFloat32(t.Name, shape, values, dtype);
        }).ToList());
    }

    public MergeJob Plan(string recipe, ulong seed = 7, Func<PlanOptions, PlanOptions>? change = null)
    {
        Recipe read = Assert.Single(RecipeFile.Parse(recipe, "r.yml", p => Path.Exists(File(p))).Recipes);
        var options = new PlanOptions { WorkingDirectory = Root, Seed = seed };
        return MergePlanner.Plan(read, change?.Invoke(options) ?? options);
    }

    public static OutputPlan Lay(MergeJob job, long shardSize = OutputPlan.DefaultShardSize) =>
        OutputPlan.Create(job.Tensors.Select(t => new OutputTensor(t.Name, t.DType, t.Shape)), shardSize);

    /// <summary>Merges and completes; the directory of the output.</summary>
    public string Merge(MergeJob job, Device device, ExecutionOptions? options = null, long shardSize = OutputPlan.DefaultShardSize, bool hash = true)
    {
        string target = File($"out-{_outputs++}");
        OutputPlan plan = Lay(job, shardSize);
        using InputFiles inputs = InputFiles.Open(job, hash);
        using OutputDirectory output = OutputDirectory.Open(target, plan, Describe(inputs), new OutputOptions { Threads = 2, Hash = hash });
        MergeExecutor.Execute(job, plan, output, inputs, (options ?? new ExecutionOptions { Device = device, Threads = 2 }) with { Device = device });
        Manifest = output.Complete();
        return target;
    }

    public static MergeDescription Describe(InputFiles inputs) => new() { Recipe = "generated\n", Dialect = "mergekit", Seed = 7, Inputs = inputs.Files };

    /// <summary>Every tensor's bytes, by name, whatever files they lie in.</summary>
    public static SortedDictionary<string, byte[]> Bytes(string directory)
    {
        using Checkpoint output = Checkpoint.Open(directory);
        var all = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (string name in output.Names) all.Add(name, output.GetSpan(name).ToArray());
        return all;
    }

    /// <summary>A tensor as its method makes it of whole inputs at once, in its output type.</summary>
    public static byte[] Whole(TensorJob tensor, MergeJob job, Device device)
    {
        float[][] inputs = [.. tensor.Sources.Select(s => Array.ConvertAll(s.Checkpoint.ReadFloat32(s.Tensor), x => Round(x, s.DType)))];
        float[] merged = tensor.Method is null ? inputs[0] : TensorMethodRun.Merge(tensor.Method, tensor.Task(device, job.Seed), inputs);
        var bytes = new byte[tensor.DType.ByteCount(merged.Length)];
        Conversion.FromSingle(merged, tensor.DType, bytes);
        return bytes;
    }

    public void Dispose() => _directory.Dispose();

    private static float Round(float x, DType type) => type == DType.BF16 ? (float)(BFloat16)x : type == DType.F16 ? (float)(Half)x : x;
}
