using System.Globalization;
using MergeEngine.Merging.Recipes.Catalog;
using MergeEngine.Merging.Streaming.Execution;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Tests.Streaming.Execution;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Tests.Streaming.Properties;

/// <summary>What a property is tried on: everything follows from it.</summary>
/// <param name="Seed">Of the values, and of how the merges are run.</param>
/// <param name="Models">Models beside the base.</param>
/// <param name="Shapes">Of the tensors.</param>
internal sealed record Draw(int Seed, int Models, long[][] Shapes)
{
    public override string ToString() => $"seed {Seed}, {Models} models, {string.Join(" ", Shapes.Select(s => $"[{string.Join(", ", s)}]"))}";
}

/// <summary>
/// A base and models in files, and merges of them by planner and executor, with other threads, chunks and shards each time. Values are multiples of 1/64 from a short range: equal
/// magnitudes, exact cancellations and zeros are everywhere, and sums of a few with weights of quarters are exact in float32.
/// </summary>
internal sealed class DrawnModels : IDisposable
{
    private readonly GeneratedModels _files = new(inMemory: true);
    private readonly Random _random;
    private readonly Draw _draw;

    public DrawnModels(Draw draw)
    {
        _draw = draw;
        _random = new Random(draw.Seed);
        Base = Tensors(_ => _random.Next(-40, 41) / 64f);
        Models = [.. Enumerable.Range(0, draw.Models).Select(_ => Moved(Base, 6))];
        Write("base", Base);
        for (int k = 0; k < Models.Length; k++) Write(NameOf(k), Models[k]);
    }

    public float[][] Base { get; }

    /// <summary>Values of every tensor of every model.</summary>
    public float[][][] Models { get; }

    public static string NameOf(int model) => $"m{model}";

    /// <summary>A model a few 64ths beside another.</summary>
    public float[][] Moved(float[][] from, int range) => [.. from.Select(t => Array.ConvertAll(t, x => x + (_random.Next(-range, range + 1) / 64f)))];

    public void Write(string name, float[][] tensors, float factor = 1)
    {
        Directory.CreateDirectory(_files.File($"models/{name}"));
        SafetensorsWriter.Write(_files.File($"models/{name}/model.safetensors"),
            tensors.Select((values, i) => TensorContent.FromFloat32(TensorName(i), new Shape(_draw.Shapes[i]), Array.ConvertAll(values, v => v * factor), DType.F32)).ToList());
    }

    /// <summary>A recipe with the parameters that the method has; weights of quarters.</summary>
    public static string Recipe(MethodDescription method, IReadOnlyList<string> models, string shared = "", string perModel = "", IReadOnlyList<double>? weights = null)
    {
        var lines = new List<string> { $"merge_method: {method.Name}", $"dialect: {method.Dialect.ToString().ToLowerInvariant()}" };
        if (method.Base is BaseRole.Required) lines.Add("base_model: models/base");
        string all = string.Join(", ", method.Shared.Where(p => p.Required && !shared.Contains($"{p.Name}:", StringComparison.Ordinal)).Select(p => $"{p.Name}: 0.5").Append(shared).Where(s => s.Length > 0));
        if (all.Length > 0) lines.Add($"parameters: {{{all}}}");
        lines.Add("models:");
        for (int k = 0; k < models.Count; k++)
        {
            string weight = method.Find("weight") is null ? "" : string.Create(CultureInfo.InvariantCulture, $"weight: {weights?[k] ?? 0.25 * (1 + (k % 3))}");
            lines.Add($"- {{model: models/{models[k]}, parameters: {{{string.Join(", ", new[] { weight, perModel }.Where(s => s.Length > 0))}}}}}");
        }

        return string.Join('\n', lines) + "\n";
    }

    /// <summary>The values of every tensor of the merge.</summary>
    public float[][] Merge(string recipe, ulong seed = 3)
    {
        using MergeJob job = _files.Plan(recipe, seed);
        using Device device = Device.Open("cpu", _random.Next(1, 4));
        string output = _files.Merge(job, device, new ExecutionOptions { Device = device, Threads = _random.Next(1, 4), MemoryLimit = 256L << _random.Next(20, 22) }, shardSize: 200 << _random.Next(6));
        using Checkpoint merged = Checkpoint.Open(output);
        Assert.Equal(_draw.Shapes.Length, merged.Names.Count);
        return [.. _draw.Shapes.Select((_, i) => merged.ReadFloat32(TensorName(i)))];
    }

    public void Dispose() => _files.Dispose();

    private static string TensorName(int index) => string.Create(CultureInfo.InvariantCulture, $"layers.{index}.weight");

    private float[][] Tensors(Func<int, float> value) =>
        [.. _draw.Shapes.Select(s => Enumerable.Range(0, (int)new Shape(s).ElementCount).Select(value).ToArray())];
}
