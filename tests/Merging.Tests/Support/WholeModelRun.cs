using System.Globalization;
using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Recipes.Parameters;
using MergeEngine.Merging.TensorMethods;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Merging.Tests.Support;

/// <summary>One tensor of several models: the base and the models' values, and what the files beside the models hold of it.</summary>
/// <param name="Name">Its name, whose ordinal order is that of the flat vector.</param>
/// <param name="Inputs">The base first.</param>
/// <param name="Companions">One for each input, null where a file lacks the tensor; empty without files.</param>
/// <param name="Position">Place among the layers.</param>
internal sealed record WholeTensor(string Name, float[][] Inputs, float[]?[] Companions, double Position = 0);

/// <summary>A whole model through a method, in chunks as an executor would cut it.</summary>
internal sealed class WholeModelRun
{
    /// <summary>Lines of the recipe before the models: method, dialect, parameters.</summary>
    public required string Recipe { get; init; }

    /// <summary>Parameters of each model.</summary>
    public required IReadOnlyList<string> Models { get; init; }

    /// <summary>Cuts each pass elsewhere; null for whole tensors.</summary>
    public Random? Cuts { get; init; }

    /// <summary>Whether the first input of the tensors is a base; otherwise it is left out.</summary>
    public bool HasBase { get; init; } = true;

    /// <summary>The merged tensors, one behind the other in ordinal order of their names.</summary>
    public float[] Merge(Device device, IEnumerable<WholeTensor> model)
    {
        WholeTensor[] tensors = [.. model.OrderBy(t => t.Name, StringComparer.Ordinal)];
        if (!HasBase) tensors = [.. tensors.Select(t => t with { Inputs = t.Inputs[1..], Companions = t.Companions[1..] })];
        RecipeSlice slice = RecipeText.ReadSlice(string.Create(CultureInfo.InvariantCulture, $"{Recipe}\n{(HasBase ? "base_model: models/base\n" : "")}models:\n{(HasBase ? "- model: models/base\n" : "")}") +
            string.Concat(Models.Select((m, k) => $"- {{model: models/m{k}, parameters: {{{m}}}}}\n")));
        TensorMethod method = Merging.TensorMethods.TensorMethods.Find(slice.Method.Name, slice.Method.Dialect)!;
        var tasks = new List<TensorTask>();
        long first = 0;
        foreach (WholeTensor tensor in tensors)
        {
            TensorParameters parameters = slice.At(new TensorPlace(tensor.Name, null, tensor.Position));
            tasks.Add(new TensorTask(device, tensor.Name, new Shape(tensor.Inputs[0].Length), Models.Count + (HasBase ? 1 : 0), slice.BaseIndex ?? -1, parameters, 5) { Position = tensor.Position, Index = tasks.Count, FirstIndex = first });
            first += tensor.Inputs[0].Length;
        }

        var buffers = new List<DeviceBuffer>();
        try
        {
            return Merge(device, method, tasks, [.. tensors.Select(t => new Uploaded(device, t, buffers))]);
        }
        finally
        {
            foreach (DeviceBuffer buffer in buffers) buffer.Dispose();
            Assert.Equal(0, device.AllocatedBytes);
        }
    }

    private float[] Merge(Device device, TensorMethod method, List<TensorTask> tasks, Uploaded[] tensors)
    {
        using ModelStatistics? statistics = method.BeginModel(new ModelTask(device, tasks));
        int passes = 0;
        while (statistics?.NeedsPass is true)
        {
            for (int i = 0; i < tasks.Count; i++)
            {
                foreach ((long start, long length) in Cut(tasks[i].Length, statistics.Unit(tasks[i]))) statistics.Accumulate(tasks[i], tensors[i].Chunk(start, length, false));
            }

            statistics.CompletePass();
            Assert.InRange(++passes, 1, 16);
        }

        var merged = new List<float>();
        for (int i = 0; i < tasks.Count; i++)
        {
            using TensorMerge merge = method.Begin(tasks[i] with { Statistics = statistics });
            while (merge.NeedsPass)
            {
                foreach ((long start, long length) in Cut(tasks[i].Length, merge.Unit)) merge.Accumulate(tensors[i].Chunk(start, length, false));
                merge.CompletePass();
            }

            foreach ((long start, long length) in Cut(tasks[i].Length, merge.Unit)) merge.Map(tensors[i].Chunk(start, length, true));
            var output = new float[tasks[i].Length];
            device.Download(tensors[i].Output, output);
            merged.AddRange(output);
        }

        return [.. merged];
    }

    private IEnumerable<(long Start, long Length)> Cut(long length, long unit)
    {
        for (long start = 0, part; start < length; start += part)
        {
            long units = (length - start + unit - 1) / unit;
            part = Math.Min(length - start, unit * (Cuts is null ? units : Cuts.NextInt64(1, Math.Max(units / 2, 1) + 1)));
            yield return (start, part);
        }
    }

    private sealed class Uploaded
    {
        private readonly DeviceSpan<float>[] _inputs;
        private readonly DeviceSpan<float>[] _companions;

        public Uploaded(Device device, WholeTensor tensor, List<DeviceBuffer> buffers)
        {
            DeviceSpan<float> Upload(float[]? values)
            {
                if (values is null) return default;
                DeviceBuffer buffer = device.Allocate<float>(values.Length);
                buffers.Add(buffer);
                device.Upload(values, buffer.AsSpan<float>());
                return buffer.AsSpan<float>();
            }

            _inputs = [.. tensor.Inputs.Select(Upload)];
            _companions = [.. tensor.Companions.Select(Upload)];
            Output = Upload([.. Enumerable.Repeat(float.NaN, tensor.Inputs[0].Length)]);
        }

        public DeviceSpan<float> Output { get; }

        public TensorChunk Chunk(long start, long length, bool maps)
        {
            DeviceSpan<float>[] inputs = [.. _inputs.Select(s => s.Slice(start, length))], companions = [.. _companions.Select(s => s.IsNone ? default : s.Slice(start, length))];
            return new TensorChunk(start, inputs, maps ? Output.Slice(start, length) : default, companions);
        }
    }
}
