using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Streaming.Runs;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Streaming.Defects;

/// <summary>A tensor that a test writes out.</summary>
internal sealed record Written(string Name, long[] Shape, float[] Values, DType DType = DType.F32);

/// <summary>Models of a few numbers, and merges of them as a user runs them: a recipe in, a directory out.</summary>
internal sealed class WrittenModels : IDisposable
{
    private readonly TemporaryDirectory _directory = new(inMemory: true);
    private int _outputs;

    public string Root => _directory.Path;

    public string PathOf(string name) => _directory.File(name);

    public WrittenModels Write(string name, string? config, params Written[] tensors)
    {
        Directory.CreateDirectory(PathOf($"models/{name}"));
        SafetensorsWriter.Write(PathOf($"models/{name}/model.safetensors"), [.. tensors.Select(t => TensorContent.FromFloat32(t.Name, new Shape(t.Shape), t.Values, t.DType))]);
        if (config is not null) File.WriteAllText(PathOf($"models/{name}/config.json"), config);
        return this;
    }

    /// <summary>A model of one tensor called <c>w</c>.</summary>
    public WrittenModels Write(string name, long[] shape, float[] values, DType dtype = DType.F32) => Write(name, null, new Written("w", shape, values, dtype));

    /// <summary>Merges; the output's directory.</summary>
    public string Merge(string recipe, Func<MergeOptions, MergeOptions>? change = null, Action<IReadOnlyList<MergeResult>>? take = null)
    {
        string target = $"out-{_outputs++}";
        using Device device = Device.Open("cpu", 2);
        var options = new MergeOptions { WorkingDirectory = Root, Output = target, Device = device, Threads = 2, Seed = 11 };
        IReadOnlyList<MergeResult> results = MergeRun.Run(RecipeFile.Parse(recipe, "r.yml", p => Path.Exists(PathOf(p))), change?.Invoke(options) ?? options);
        take?.Invoke(results);
        return PathOf(target);
    }

    /// <summary>Merges models of one tensor; its values.</summary>
    public float[] MergeOne(string recipe)
    {
        using Checkpoint output = Checkpoint.Open(Merge(recipe));
        return output.ReadFloat32("w");
    }

    public void Dispose() => _directory.Dispose();
}
