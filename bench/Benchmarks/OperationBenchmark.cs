using System.Diagnostics;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Cpu.Probes;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Benchmarks;

/// <summary>
/// The operations of a network beside what bounds them: those that only move memory as a share of copy bandwidth (bytes that must be read or
/// written once, at sizes beyond the caches), attention as a share of the multiply-add peak. Ceiling and operation are measured in turn.
/// </summary>
internal sealed class OperationBenchmark : IDisposable
{
    private const int Rounds = 7;

    private readonly CpuDevice _device = new();
    private readonly WorkerPool _pool;
    private readonly List<DeviceBuffer> _buffers = [];
    private readonly string? _only;
    private double _copy;

    private OperationBenchmark(string? only)
    {
        _only = only;
        _pool = new WorkerPool(_device.Threads);
    }

    public static void Run(string? only)
    {
        using var benchmark = new OperationBenchmark(only);
        Console.WriteLine($"{benchmark._device.Description}, .NET {Environment.Version}. Median of {Rounds}, ceilings measured in turn.");
        Console.WriteLine();
        Console.WriteLine("| operation | µs | rate | ceiling | share |");
        Console.WriteLine("|---|---|---|---|---|");
        benchmark.Memory();
        benchmark.Attention(64, 17, 4, 24);
        benchmark.Attention(32, 50, 12, 64);
        benchmark.Attention(4, 512, 12, 64);
        benchmark.Small();
    }

    public void Dispose()
    {
        foreach (DeviceBuffer buffer in _buffers) buffer.Dispose();
        _pool.Dispose();
        _device.Dispose();
    }

    private void Memory()
    {
        const int rows = 40_000, width = 768;
        const long n = (long)rows * width;
        OperationSet ops = _device.Operations;
        DeviceSpan<float> a = New(n), b = New(n), c = New(n), d = New(n), w = New(width), bias = New(width), mean = New(rows), inverse = New(rows);
        Matrix x = new(a, rows, width), y = new(b, rows, width), z = new(c, rows, width);
        Traffic("LayerNormForward", 2 * n, () => ops.LayerNormForward(y, mean, inverse, x, w, bias, 1e-6f));
        Traffic("AddLayerNormForward", 4 * n, () => ops.AddLayerNormForward(z, y, mean, inverse, x, z, w, bias, 1e-6f));
        ops.Fill(inverse, 1);
        Traffic("LayerNormBackward, Sum", 3 * n, () => ops.LayerNormBackward(z, w, bias, y, x, mean, inverse, w, GradientReduction.Sum, 50));
        Traffic("LayerNormBackward, AbsolutePerSample", 3 * n, () => ops.LayerNormBackward(z, w, bias, y, x, mean, inverse, w, GradientReduction.AbsolutePerSample, 50));
        Traffic("ActivationForward GeluErf", 2 * n, () => ops.ActivationForward(b, a, Activation.GeluErf));
        Traffic("ActivationBackward GeluErf", 3 * n, () => ops.ActivationBackward(c, b, a, Activation.GeluErf));
        Traffic("ScaleColumnsForward with residual", 3 * n, () => ops.ScaleColumnsForward(z, x, w, y));
        Traffic("ScaleColumnsBackward", 3 * n, () => ops.ScaleColumnsBackward(z, w, y, x, w, GradientReduction.Sum, 50));
        Traffic("CopyMatrix accumulating", 3 * n, () => ops.CopyMatrix(y, x, accumulate: true));
        Traffic("NormalizeRowsForward", 2 * n, () => ops.NormalizeRowsForward(y, mean, x));
        ops.Fill(c, 0);
        ops.Fill(d, 1);
        Traffic("Adam, decoupled decay", 7 * n, () => ops.Adam(a, b, c, d, new AdamSettings(1e-6, WeightDecay: 0.01), 10));
        Traffic("Sgd with momentum", 5 * n, () => ops.Sgd(a, b, c, new SgdSettings(1e-6, 0.9), 10));
    }

    private void Attention(int batch, int tokens, int heads, int size)
    {
        var shape = new AttentionShape(batch, tokens, heads, size);
        Matrix New3() => new(New((long)shape.Rows * 3 * shape.Width), shape.Rows, 3 * shape.Width);
        Matrix joint = New3(), gradient = New3(), output = new(New((long)shape.Rows * shape.Width), shape.Rows, shape.Width);
        DeviceSpan<float> logSumExp = New(shape.ScoreRows);
        Matrix Part(Matrix m, int i) => m.SliceColumns(i * shape.Width, shape.Width);
        double product = 2.0 * batch * heads * tokens * tokens * size;
        string name = $"{batch}×{tokens} tokens, {heads} heads of {size}";
        Arithmetic($"AttentionForward {name}", 2 * product, () => _device.Operations.AttentionForward(output, logSumExp, Part(joint, 0), Part(joint, 1), Part(joint, 2), shape));
        Arithmetic($"AttentionBackward {name}", 5 * product, () => _device.Operations.AttentionBackward(
            Part(gradient, 0), Part(gradient, 1), Part(gradient, 2), output, output, logSumExp, Part(joint, 0), Part(joint, 1), Part(joint, 2), shape));
    }

    /// <summary>The demo's sizes, where everything is in the caches and dispatch counts: microseconds only.</summary>
    private void Small()
    {
        const int rows = 64 * 17, width = 96;
        OperationSet ops = _device.Operations;
        Matrix x = new(New((long)rows * width), rows, width), y = new(New((long)rows * width), rows, width), z = new(New((long)rows * width), rows, width);
        DeviceSpan<float> w = New(width), bias = New(width), mean = New(rows), inverse = New(rows), wide = New(rows * 384L), wideOutput = New(rows * 384L), losses = New(64);
        Matrix logits = new(New(640), 64, 10);
        DeviceBuffer labels = _device.Allocate<int>(64);
        _buffers.Add(labels);
        Time("LayerNormForward [1088, 96]", () => ops.LayerNormForward(y, mean, inverse, x, w, bias, 1e-6f));
        Time("LayerNormBackward [1088, 96]", () => ops.LayerNormBackward(z, w, bias, y, x, mean, inverse, w, GradientReduction.Sum, 17));
        Time("ActivationForward GeluErf [1088, 384]", () => ops.ActivationForward(wideOutput, wide, Activation.GeluErf));
        Time("CrossEntropy [64, 10]", () => ops.CrossEntropy(losses, logits, logits, labels.AsSpan<int>(), 1));
    }

    private void Traffic(string name, long elements, Action call)
    {
        if (Skipped(name)) return;
        if (_copy == 0) _copy = MachineProbe.CopyBandwidth(_pool);
        double seconds = Median(call), copy = _copy;
        _copy = MachineProbe.CopyBandwidth(_pool);
        double rate = 4.0 * elements / seconds / 1e9, ceiling = Math.Max(copy, _copy);
        Console.WriteLine($"| {name} | {seconds * 1e6:F0} | {rate:F1} GB/s | {ceiling:F1} | {rate / ceiling:P0} |");
    }

    private void Arithmetic(string name, double operations, Action call)
    {
        if (Skipped(name)) return;
        double before = MachineProbe.MultiplyAddPeak(_pool, _device.Simd), seconds = Median(call);
        double ceiling = Math.Max(before, MachineProbe.MultiplyAddPeak(_pool, _device.Simd)), rate = operations / seconds / 1e9;
        Console.WriteLine($"| {name} | {seconds * 1e6:F0} | {rate:F0} GFLOP/s | {ceiling:F0} | {rate / ceiling:P0} |");
    }

    private void Time(string name, Action call)
    {
        if (!Skipped(name)) Console.WriteLine($"| {name} | {Median(call) * 1e6:F1} | | | |");
    }

    private bool Skipped(string name) => _only is not null && !name.Contains(_only, StringComparison.Ordinal);

    /// <summary>Seconds of one call: short ones are repeated for some milliseconds in each round.</summary>
    private static double Median(Action call)
    {
        for (int i = 0; i < 40; i++)
        {
            long begin = Stopwatch.GetTimestamp();
            call();
            if (i > 2 && Stopwatch.GetElapsedTime(begin).TotalMilliseconds > 5) break;
        }

        long start = Stopwatch.GetTimestamp();
        call();
        int repeats = (int)Math.Clamp(0.01 / Stopwatch.GetElapsedTime(start).TotalSeconds, 1, 1000);
        var seconds = new double[Rounds];
        for (int round = 0; round < Rounds; round++)
        {
            start = Stopwatch.GetTimestamp();
            for (int i = 0; i < repeats; i++) call();
            seconds[round] = Stopwatch.GetElapsedTime(start).TotalSeconds / repeats;
        }

        Array.Sort(seconds);
        return seconds[Rounds / 2];
    }

    private DeviceSpan<float> New(long length)
    {
        DeviceBuffer buffer = _device.Allocate<float>(length);
        _buffers.Add(buffer);
        var random = new Random(1);
        DeviceSpan<float> span = buffer.AsSpan<float>();
        for (long i = 0; i < length; i++) span.HostSpan[(int)i] = (float)(random.NextDouble() - 0.5);
        return span;
    }
}
