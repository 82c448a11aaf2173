using System.Diagnostics;
using MergeEngine.Benchmarks.Merging;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Probes;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Benchmarks.Scaling;

/// <summary>Measures costs at growing sizes. What is compared with each other is measured in turn where memory allows it, since a shared machine's speed changes from minute to minute.</summary>
/// <param name="sizes">What grows, and how far.</param>
/// <param name="measured">Hears of every point as it is measured.</param>
internal sealed class ScalingMeasurement(ScalingSizes sizes, Action<ScalingPoint>? measured = null)
{
    private const int Patch = 32, HeadWidth = 64;

    private readonly List<ScalingPoint> _points = [];

    /// <summary>All panels.</summary>
    public IReadOnlyList<ScalingPoint> Run()
    {
        using (var device = new CpuDevice())
        {
            foreach (int batch in sizes.Batches) Passes(device, "batch", batch, sizes.Width, sizes.Layers, batch);
            foreach (int layers in sizes.Depths) Passes(device, "depth", layers, sizes.Width, layers, sizes.Batch);
            foreach (int width in sizes.Widths) Passes(device, "width", null, width, sizes.Layers, sizes.Batch);
            foreach (int tensors in sizes.Tensors) Merges(device, tensors);
        }

        Threads();
        return _points;
    }

    private VisionInputs Inputs(int width, int layers, int batch) => new(sizes.Side, Patch, width, layers, Math.Max(1, width / HeadWidth), batch);

    /// <param name="device">Where.</param>
    /// <param name="panel">What changes.</param>
    /// <param name="x">Its value; null for millions of parameters.</param>
    /// <param name="width">Of the encoder.</param>
    /// <param name="layers">Of the encoder.</param>
    /// <param name="batch">Images.</param>
    private void Passes(Device device, string panel, double? x, int width, int layers, int batch)
    {
        VisionInputs inputs = Inputs(width, layers, batch);
        if (x is null)
        {
            using Encoder encoder = inputs.CreateEncoder(device);
            x = encoder.Layout.ParameterCount / 1e6;
        }

        using var model = new ProbeModel(device, inputs);
        Add(panel, x.Value, ("forward", model.Forward), ("training step", model.Step));
    }

    private void Merges(CpuDevice device, int tensors)
    {
        using var models = new TensorModels(device, [.. Enumerable.Repeat(new Shape(sizes.TensorRows, 768), tensors)]);
        Add("merge", tensors * sizes.TensorRows * 768 / 1e6, [.. MergeCase.All.Where(m => m.Method is "linear" or "ties").Select(m => (m.Method, m.Prepare(models)))]);
    }

    /// <summary>Every number of threads has a device of its own, and all take turns.</summary>
    private void Threads()
    {
        int[] counts = [.. new[] { 1, 2, Environment.ProcessorCount }.Distinct().Where(n => n <= Environment.ProcessorCount)];
        var open = new Stack<IDisposable>();
        var products = new List<Action>();
        var steps = new List<Action>();
        try
        {
            foreach (int count in counts)
            {
                var device = new CpuDevice(count);
                open.Push(device);
                var model = new ProbeModel(device, Inputs(sizes.Width, sizes.Layers, sizes.ThreadBatch));
                open.Push(model);
                steps.Add(model.Step);
                DeviceBuffer memory = device.Allocate<float>(3L * sizes.Product * sizes.Product);
                open.Push(memory);
                Matrix Part(int i) => new(memory.AsSpan<float>().Slice((long)i * sizes.Product * sizes.Product, (long)sizes.Product * sizes.Product), sizes.Product, sizes.Product);
                products.Add(() => device.Operations.MatrixProduct(Part(2), Part(0), Part(1)));
            }

            AddInTurn($"product of {sizes.Product} rows", counts, products);
            AddInTurn($"training step, {sizes.ThreadBatch} images", counts, steps);
        }
        finally
        {
            while (open.TryPop(out IDisposable? one)) one.Dispose();
        }
    }

    private void AddInTurn(string series, int[] counts, List<Action> calls)
    {
        var times = calls.Select(_ => new double[sizes.Rounds]).ToArray();
        foreach (Action call in calls) call();
        for (int round = 0; round < sizes.Rounds; round++)
        {
            for (int i = 0; i < calls.Count; i++) times[i][round] = Seconds(calls[i]);
        }

        for (int i = 0; i < calls.Count; i++) Add("threads", series, counts[i], times[i]);
    }

    private void Add(string panel, double x, params (string Series, Action Call)[] calls)
    {
        foreach ((string series, Action call) in calls)
        {
            call();
            call();
            Add(panel, series, x, [.. Enumerable.Range(0, sizes.Rounds).Select(_ => Seconds(call))]);
        }
    }

    private void Add(string panel, string series, double x, double[] times)
    {
        Array.Sort(times);
        var point = new ScalingPoint(panel, series, x, times[0], times[times.Length / 2]);
        _points.Add(point);
        measured?.Invoke(point);
    }

    private static double Seconds(Action call)
    {
        long start = Stopwatch.GetTimestamp();
        call();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
