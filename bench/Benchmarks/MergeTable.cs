using System.Diagnostics;
using System.Globalization;
using MergeEngine.Benchmarks.Frame;
using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Recipes.Parameters;
using MergeEngine.Merging.TensorMethods;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Benchmarks;

/// <summary>
/// What the methods compute, without files: eight models and a base in memory, tensors as an encoder of width 768 has them, each one chunk. Every method in turn with linear and with
/// a plain copy of the inputs' bytes, which is the floor: the inputs read once and as much written as is read. A merge writes a ninth of that.
/// </summary>
internal static class MergeTable
{
    private const int Rounds = 7;
    private const int Models = 8;

    private static readonly Shape[] s_shapes = [new(3072, 768), new(768, 3072), new(768, 768), new(3072)];

    private static readonly (string Method, string PerModel, string Shared)[] s_methods =
    [
        ("linear", "weight: 0.3", ""), ("task_arithmetic", "weight: 0.3", ""), ("ties", "weight: 0.3, density: 0.2", ""), ("dare_linear", "weight: 0.3, density: 0.2", ""),
        ("dare_ties", "weight: 0.3, density: 0.2", ""), ("breadcrumbs", "weight: 0.3, density: 0.9, gamma: 0.01", ""), ("della", "weight: 0.3, density: 0.5, epsilon: 0.1", ""),
        ("sce", "", "select_topk: 0.1"), ("model_stock", "", ""), ("karcher", "", ""), ("ram", "", ""), ("ramplus_tl", "", ""), ("multislerp", "weight: 0.3", ""), ("magmax", "", "lambda: 0.5"),
    ];

    private sealed record Row(string Method, int Threads, double Milliseconds, IReadOnlyList<double> PassMilliseconds, double InputGbps, double RatioToCopy, double RatioToLinear);

    /// <summary>Prints the table and keeps it as <c>merges</c>.</summary>
    public static void Run(SuiteOptions options)
    {
        using var device = new CpuDevice(options.Number("--threads") ?? 0);
        string? only = options.Text("--only");
        var tensors = s_shapes.Select((shape, i) => new Tensor(device, shape, i)).ToArray();
        double bytes = tensors.Sum(t => t.Inputs.Sum(x => 4.0 * x.Length));
        bool isAlone = device.Threads == 1;
        Action copy = () => Array.ForEach(tensors, t => t.CopyInputs());
        Action linear = Merge(device, tensors, s_methods[0], out _);
        var table = new ResultTable<Row>(
            "merges", options.Directory, device,
            FormattableString.Invariant($"{Models} models and a base in memory, {bytes / 1e6:F0} MB of inputs; median of {Rounds} rounds of {(isAlone ? "processor time" : "time")}. The copy copies the inputs."),
            "method", "ms", "of its passes", "GB/s of inputs", "time of a copy", "time of linear");
        foreach (var method in s_methods)
        {
            if (only is not null && !method.Method.Contains(only, StringComparison.OrdinalIgnoreCase)) continue;
            Action call = Merge(device, tensors, method, out List<double> passes);
            call();
            passes.Clear();
            copy();
            linear();
            double[] times = new double[Rounds], copies = new double[Rounds], linears = new double[Rounds];
            for (int i = 0; i < Rounds; i++)
            {
                double copied = Seconds(copy, isAlone), averaged = Seconds(linear, isAlone), time = Seconds(call, isAlone);
                (times[i], copies[i], linears[i]) = (time, time / copied, time / averaged);
            }

            Array.ForEach([times, copies, linears], Array.Sort);
            double[] parts = [.. passes.Select(p => 1e3 * p / Rounds)];
            var row = new Row(method.Method, device.Threads, 1e3 * times[Rounds / 2], parts, bytes / times[Rounds / 2] / 1e9, copies[Rounds / 2], linears[Rounds / 2]);
            string list = string.Join(" + ", parts.Select(p => p.ToString("F0", CultureInfo.InvariantCulture)));
            table.Add(row, $"{row.Method}", $"{row.Milliseconds:F1}", $"{list}", $"{row.InputGbps:F1}", $"{row.RatioToCopy:F2}", $"{row.RatioToLinear:F2}");
        }

        table.Save();
        Array.ForEach(tensors, t => t.Dispose());
    }

    private static Action Merge(CpuDevice device, Tensor[] tensors, (string Method, string PerModel, string Shared) method, out List<double> passes)
    {
        TensorMethod implementation = TensorMethods.Find(method.Method) ?? throw new InvalidOperationException(method.Method);
        bool hasBase = method.Method is not ("linear" or "karcher" or "multislerp");
        string text = $"merge_method: {method.Method}\n" + (hasBase ? "base_model: models/base\n" : "") + "models:\n"
            + string.Concat(Enumerable.Range(0, Models).Select(k => $"- model: models/m{k}\n" + (method.PerModel.Length > 0 ? $"  parameters: {{{method.PerModel}}}\n" : "")))
            + (method.Shared.Length > 0 ? $"parameters: {{{method.Shared}}}\n" : "");
        RecipeSlice slice = RecipeFile.Parse(text, "bench.yml", _ => true).Recipes[0].Modules[0].Slices[0];
        TensorParameters parameters = slice.At(new TensorPlace("w", null, LayerPosition.Outside));
        var spent = passes = [];
        bool isAlone = device.Threads == 1;
        void Time(int pass, Action action)
        {
            while (spent.Count <= pass) spent.Add(0);
            spent[pass] += Seconds(action, isAlone);
        }

        return () =>
        {
            foreach (Tensor tensor in tensors)
            {
                DeviceSpan<float>[] inputs = tensor.Inputs[..slice.Sources.Count];
                using TensorMerge merge = implementation.Begin(new TensorTask(device, tensor.Name, tensor.Shape, inputs.Length, slice.BaseIndex ?? -1, parameters, 7));
                int pass = 0;
                for (; merge.NeedsPass; pass++)
                {
                    Time(pass, () =>
                    {
                        merge.Accumulate(new TensorChunk(0, inputs, default));
                        merge.CompletePass();
                    });
                }

                Time(pass, () => merge.Map(new TensorChunk(0, inputs, tensor.Output)));
            }
        };
    }

    /// <summary>On one thread the processor's time, which does not count what others on the machine take.</summary>
    private static double Seconds(Action call, bool isAlone)
    {
        TimeSpan used = Environment.CpuUsage.TotalTime;
        long start = Stopwatch.GetTimestamp();
        call();
        return (isAlone ? Environment.CpuUsage.TotalTime - used : Stopwatch.GetElapsedTime(start)).TotalSeconds;
    }

    /// <summary>A tensor of every model, the base last, and the memory of their merge.</summary>
    private sealed class Tensor : IDisposable
    {
        private readonly DeviceBuffer[] _buffers;
        private readonly CpuDevice _device;
        private readonly DeviceSpan<float> _copy;

        public Tensor(CpuDevice device, Shape shape, int number)
        {
            (_device, Shape, Name) = (device, shape, $"layers.{number}.weight");
            _buffers = [.. Enumerable.Range(0, Models + 3).Select(_ => device.Allocate<float>(shape.ElementCount))];
            Inputs = [.. _buffers.Take(Models + 1).Select(b => b.AsSpan<float>())];
            Output = _buffers[^2].AsSpan<float>();
            _copy = _buffers[^1].AsSpan<float>();
            var random = new Random(number);
            float[] origin = [.. Enumerable.Range(0, (int)shape.ElementCount).Select(_ => 0.05f * Normal(random))];
            foreach (DeviceSpan<float> input in Inputs)
            {
                for (int i = 0; i < origin.Length; i++) input.HostSpan[i] = origin[i] + (input.Buffer == Inputs[^1].Buffer ? 0 : 0.002f * Normal(random));
            }
        }

        public Shape Shape { get; }

        public string Name { get; }

        public DeviceSpan<float>[] Inputs { get; }

        public DeviceSpan<float> Output { get; }

        public void CopyInputs()
        {
            foreach (DeviceSpan<float> input in Inputs) _device.Operations.Copy(_copy, input);
        }

        public void Dispose() => Array.ForEach(_buffers, b => b.Dispose());

        /// <summary>Nearly: a sum of four uniform numbers, with variance 1.</summary>
        private static float Normal(Random random) => (float)((random.NextDouble() + random.NextDouble() + random.NextDouble() + random.NextDouble() - 2) * Math.Sqrt(3));
    }
}
