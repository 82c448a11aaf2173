using System.Globalization;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Adapters;

/// <summary>A small model and adapters for it, with random values, in a directory of their own.</summary>
internal sealed class AdapterFiles : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly Random _random = new(5);

    public string Root => _directory.Path;

    public Dictionary<string, float[]> Values { get; } = [];

    /// <summary>Writes <c>models/base/model.safetensors</c>; its values are kept under the tensors' names.</summary>
    public void WriteModel(params (string Name, Shape Shape, DType Type)[] tensors) => Write("models/base/model.safetensors", tensors);

    public void WriteAdapter(string config, params (string Name, Shape Shape, DType Type)[] tensors)
    {
        Write("models/adapter/adapter_model.safetensors", tensors);
        File.WriteAllText(_directory.File("models/adapter/adapter_config.json"), config);
    }

    public MergeJob Plan() => MergePlanner.Plan(
        RecipeText.Read("merge_method: passthrough\nmodels: [{model: models/base+models/adapter}]"), new PlanOptions { WorkingDirectory = Root });

    /// <summary>Everything that is wrong, with the directory's name left out.</summary>
    public string[] Problems() => [.. Assert.Throws<PlanningException>(Plan).Problems.Select(p => p.Replace(Root + "/", "", StringComparison.Ordinal))];

    /// <summary>The output of a planned tensor; it must not depend on how it is read.</summary>
    public static float[] Output(MergeJob job, string name)
    {
        TensorJob tensor = Assert.Single(job.Tensors, t => t.Name == name);
        TensorSource source = Assert.Single(tensor.Sources);
        float[] whole = JobValues.Read(source, tensor.Shape.ElementCount);
        for (int i = 0; i < 3; i++) Assert.Equal(whole, JobValues.Read(source, tensor.Shape.ElementCount, new Random(i)));
        return whole;
    }

    /// <summary>W + s·Σ_k L[i, k]·R[k, j] in float64.</summary>
    public static double[] Updated(float[] w, int rows, Func<int, int, double> product, double scale)
    {
        int columns = w.Length / rows;
        var result = new double[w.Length];
        for (int i = 0; i < w.Length; i++) result[i] = w[i] + (scale * product(i / columns, i % columns));
        return result;
    }

    public static double Sum(int rank, Func<int, double> term) => Enumerable.Range(0, rank).Sum(term);

    public void Dispose() => _directory.Dispose();

    private void Write(string path, (string Name, Shape Shape, DType Type)[] tensors)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_directory.File(path))!);
        SafetensorsWriter.Write(_directory.File(path), tensors.Select(t =>
        {
            float[] values = [.. Enumerable.Range(0, (int)t.Shape.ElementCount).Select(_ => JobValues.Round((float)(_random.NextDouble() - 0.5), t.Type))];
            Values[t.Name] = values;
            if (t.Type.IsArithmetic()) return TensorContent.FromFloat32(t.Name, t.Shape, values, t.Type);
            return new TensorContent(t.Name, t.Type, t.Shape, new byte[t.Type.ByteCount(t.Shape.ElementCount)]);
        }));
    }

    public static string Config(int rank, double alpha, string more = "") =>
        $$"""{"peft_type": "LORA", "r": {{rank}}, "lora_alpha": {{alpha.ToString(CultureInfo.InvariantCulture)}}{{(more.Length > 0 ? ", " : "")}}{{more}}}""";
}
