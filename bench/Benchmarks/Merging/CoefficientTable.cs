using MergeEngine.Benchmarks.Frame;
using MergeEngine.Merging.Methods;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tensors.Probes;

namespace MergeEngine.Benchmarks.Merging;

/// <summary>
/// What AdaMerging needs of eight task vectors at every step: the mix by its coefficients, and the gradient of a loss by them, with a coefficient for each task, layer or tensor. The floor
/// reads every vector once (and writes the mix); beside the gradient stands a dot product for each task, one after the other, which reads the gradient anew each time.
/// </summary>
internal static class CoefficientTable
{
    private const int Tasks = 8, Rounds = 15;

    private sealed record Row(string What, int Coefficients, int Threads, double Milliseconds, double MedianMilliseconds, double FloorMilliseconds, double Ratio, double MedianRatio, double Gbps);

    /// <summary>Prints the table and keeps it as <c>coefficients</c>.</summary>
    public static void Run(SuiteOptions options)
    {
        int? asked = options.Number("--threads");
        using var whole = new CpuDevice(asked ?? 0);
        var table = new ResultTable<Row>(
            "coefficients", options.Directory, whole,
            $"{Tasks} task vectors of four blocks of ViT-B/32, 30.8 million float32 parameters. Floor: every vector read or written once, at the bandwidth of a copy measured in turn. "
            + "Best of the rounds, of processor time on one thread; medians of single rounds beside it.",
            "what", "coefficients", "threads", "ms", "median", "floor ms", "ratio", "median", "GB/s");
        foreach (int threads in asked is { } given ? [given] : new[] { 1, Environment.ProcessorCount }.Distinct())
        {
            using var device = new CpuDevice(threads);
            Measure(table, device);
        }

        table.Save();
    }

    private static void Measure(ResultTable<Row> table, CpuDevice device)
    {
        using VisionTransformer encoder = VisionTransformer.CreateRandom(device, new VisionTransformerConfig
        {
            Image = new ImageShape(3, 224, 224),
            PatchSize = 32,
            Width = 768,
            Layers = 4,
            Heads = 12,
            MlpWidth = 3072,
            Normalization = PixelNormalization.Half(3),
        }, seed: 1);
        ParameterVector origin = encoder.Parameters;
        using TaskVectors taskVectors = TaskVectors.TakeModels("base", origin, [.. Enumerable.Range(0, Tasks).Select(k => new NamedModel($"task {k}", Random(origin, k)))]);
        using ParameterVector gradient = Random(origin, Tasks), merged = origin.Clone();
        double vector = sizeof(float) * (double)origin.Values.Length;
        using DeviceProbe probe = DeviceProbe.For(device);
        foreach ((string name, CoefficientGroups groups) in new[]
                 {
                     ("a task", CoefficientGroups.Whole(origin.Layout)), ("a task and layer", CoefficientGroups.Layers(origin.Layout)), ("a task and tensor", CoefficientGroups.Tensors(origin.Layout)),
                 })
        {
            using var mixture = new GroupedTaskArithmetic(taskVectors, groups);
            float[] coefficients = [.. Enumerable.Repeat(0.3f, mixture.Count)];
            double[] slopes = new double[mixture.Count];
            Measure(table, probe, device, $"mix, one for {name}", mixture.Count, (Tasks + 2) * vector, () => mixture.Mix(coefficients, merged));
            Measure(table, probe, device, $"gradient, one for {name}", mixture.Count, (Tasks + 1) * vector, () => mixture.Gradient(gradient, slopes));
        }

        Measure(table, probe, device, "a dot product for each task", Tasks, (Tasks + 1) * vector, () =>
        {
            foreach (ParameterVector task in taskVectors.Vectors) device.Operations.Dot(gradient.Values, task.Values);
        });
    }

    private static void Measure(ResultTable<Row> table, DeviceProbe probe, CpuDevice device, string what, int coefficients, double bytes, Action call)
    {
        bool isAlone = device.Threads == 1;
        probe.TimeCopy();
        double[] times = new double[Rounds], floors = new double[Rounds], ratios = new double[Rounds];
        for (int round = -1; round < Rounds; round++)
        {
            double floor = bytes * MergeTable.Seconds(() => probe.TimeCopy(), isAlone) / probe.PassBytes, time = MergeTable.Seconds(call, isAlone);
            if (round >= 0) (times[round], floors[round], ratios[round]) = (1e3 * time, 1e3 * floor, time / floor);
        }

        Array.ForEach([times, floors, ratios], Array.Sort);
        var row = new Row(what, coefficients, device.Threads, times[0], times[Rounds / 2], floors[0], times[0] / floors[0], ratios[Rounds / 2], bytes / times[0] / 1e6);
        table.Add(
            row, what, $"{coefficients}", $"{row.Threads}", $"{row.Milliseconds:F1}", $"{row.MedianMilliseconds:F1}", $"{row.FloorMilliseconds:F1}", $"{row.Ratio:F2}", $"{row.MedianRatio:F2}", $"{row.Gbps:F1}");
    }

    private static ParameterVector Random(ParameterVector like, int number)
    {
        var random = new PhiloxStream((ulong)number, "task");
        var result = new ParameterVector(like.Device, like.Layout);
        Span<float> values = result.Values.HostSpan;
        // Beyond a million they repeat: no operation is faster for that.
        for (int i = 0; i < values.Length; i++) values[i] = i < 1 << 20 ? 0.02f * (float)random.NextGaussian() : values[i - (1 << 20)];
        return result;
    }
}
