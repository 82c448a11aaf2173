using System.Diagnostics;
using MergeEngine.Benchmarks.Frame;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Training;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Cpu.Probes;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Benchmarks;

/// <summary>
/// Whole passes of a vision transformer with its head: forward, backward with summed gradients, backward with absolute per-sample gradients, and a training
/// step from bytes to updated weights. All of them and the multiply-add peak are measured in turn.
/// </summary>
internal sealed class StepTable : IDisposable
{
    private sealed record Encoder(string Name, int Side, int Channels, int Patch, int Width, int Layers, int Heads);

    private sealed record Case(Encoder Encoder, int Samples, int Batch, int Rounds);

    private sealed record Pass(string Name, double Milliseconds, double MedianMilliseconds, double Gflops, double Share);

    private sealed record Result(string Encoder, int Samples, int Batch, int Threads, double Peak, IReadOnlyList<Pass> Passes, double Ratio, double MedianRatio);

    private const int Classes = 10;

    private static readonly Encoder s_base = new("ViT-B/32", 224, 3, 32, 768, 12, 12);
    private static readonly Encoder s_small = new("width 96", 28, 1, 7, 96, 4, 4);

    private static readonly Case[] s_cases =
    [
        new(s_base, 8, 8, 7), new(s_base, 32, 32, 5), new(s_base, 128, 32, 3), new(s_small, 64, 64, 201),
    ];

    private readonly Case _case;
    private readonly CpuDevice _device;
    private readonly WorkerPool _probe;
    private readonly VisionTransformer _encoder;
    private readonly ClassificationHead _head;
    private readonly TrainingTask _task;
    private readonly Trainer _trainer;
    private readonly OptimizerState _state;
    private readonly ParameterVector _parameters, _gradients;
    private readonly Batch _batch;
    private readonly int[] _order;
    private double _peak;

    private StepTable(Case what, int threads)
    {
        _case = what;
        Encoder size = what.Encoder;
        _device = new CpuDevice(threads);
        _probe = new WorkerPool(threads);
        var shape = new ImageShape(size.Channels, size.Side, size.Side);
        _encoder = VisionTransformer.CreateRandom(_device, new VisionTransformerConfig
        {
            Image = shape,
            PatchSize = size.Patch,
            Width = size.Width,
            Layers = size.Layers,
            Heads = size.Heads,
            MlpWidth = 4 * size.Width,
            Normalization = PixelNormalization.Half(size.Channels),
        }, seed: 1);
        _head = ClassificationHead.Random(_device, Classes, size.Width, seed: 1);
        byte[] pixels = new byte[what.Samples * shape.Length];
        int[] labels = new int[what.Samples];
        var random = new PhiloxStream(1, "steps");
        for (int i = 0; i < pixels.Length; i++) pixels[i] = (byte)(256 * random.NextFloat());
        for (int i = 0; i < labels.Length; i++) labels[i] = i % Classes;
        _task = new TrainingTask("steps", new Dataset("steps", "steps", null, [new ImageSplit("steps", "train", shape, pixels, labels)]), _head);
        _trainer = new Trainer(_encoder, new TrainingOptions { BatchSize = what.Batch, ClipNorm = 10, WeightDecay = 0.05, LearningRate = 1e-6, Shift = 2 });
        _state = _trainer.CreateState();
        _parameters = new ParameterVector(_device, _encoder.Layout);
        _gradients = new ParameterVector(_device, _encoder.Layout);
        _device.Operations.Copy(_parameters.Values, _encoder.Parameters.Values);
        _batch = _encoder.CreateBatch();
        _order = [.. Enumerable.Range(0, what.Samples)];
    }

    /// <summary>Prints the table and keeps it as <c>steps</c>.</summary>
    public static void Run(SuiteOptions options)
    {
        int cores = Environment.ProcessorCount;
        int? threads = options.Number("--threads");
        Case[] cases = options.Only(s_cases, what => $"{what.Encoder.Name}, {Samples(what)}");
        using var device = new CpuDevice(threads ?? 0);
        var table = new ResultTable<Result>(
            "steps", options.Directory, device,
            "Passes of whole encoders. Best (median) of interleaved rounds. GFLOP/s count products and attention, a backward as two forwards; share = of the best multiply-add peak of the same rounds; "
            + "ratio = backward with absolute per-sample gradients over backward with summed ones, best over best (median of single rounds).",
            "encoder", "samples", "threads", "pass", "ms", "GFLOP/s", "share", "ratio");
        foreach (Case what in cases)
        {
            string samples = Samples(what);
            int[] counts = threads is { } given ? [given] : what.Encoder == s_base ? [cores] : [1, 2, cores];
            foreach (int count in counts.Where(n => n == threads || n <= cores).Distinct())
            {
                using var encoder = new StepTable(what, count);
                Result result = encoder.Measure();
                foreach (Pass pass in result.Passes)
                {
                    string ratio = pass == result.Passes[2] ? FormattableString.Invariant($"{result.Ratio:F2} ({result.MedianRatio:F2})") : "";
                    table.Show(
                        $"{what.Encoder.Name}", $"{samples}", $"{count}", $"{pass.Name}", $"{pass.Milliseconds:F2} ({pass.MedianMilliseconds:F2})", $"{pass.Gflops:F0}", $"{pass.Share:P0}", $"{ratio}");
                }

                table.Keep(result);
            }
        }

        table.Save();
    }

    public void Dispose()
    {
        _batch.Dispose();
        _gradients.Dispose();
        _parameters.Dispose();
        _state.Dispose();
        _trainer.Dispose();
        _head.Dispose();
        _encoder.Dispose();
        _probe.Dispose();
        _device.Dispose();
    }

    private static string Samples(Case what) => what.Samples == what.Batch ? $"{what.Samples}" : $"{what.Samples} in batches of {what.Batch}";

    private Result Measure()
    {
        string[] names = ["forward", "backward, sum", "backward, absolute per sample", "training step"];
        double[] factors = [1, 2, 2, 3];
        var times = new double[names.Length][];
        for (int i = 0; i < times.Length; i++) times[i] = new double[_case.Rounds];
        double[] ratios = new double[_case.Rounds], now = new double[names.Length];
        // The first rounds compile the code and touch the memory.
        for (int round = _case.Rounds > 10 ? -40 : -1; round < _case.Rounds; round++)
        {
            Array.Clear(now);
            for (int first = 0; first < _case.Samples; first += _case.Batch) Passes(_order.AsSpan(first, _case.Batch), now);
            now[3] = Time(Step);
            Probe();
            if (round < 0) continue;
            for (int i = 0; i < now.Length; i++) times[i][round] = now[i];
            ratios[round] = now[2] / now[1];
        }

        double forward = ForwardOperations() * _case.Samples;
        foreach (double[] list in times) Array.Sort(list);
        Array.Sort(ratios);
        int middle = _case.Rounds / 2;
        Pass[] passes = [.. names.Select((name, i) =>
        {
            double gflops = factors[i] * forward / times[i][0] / 1e6;
            return new Pass(name, times[i][0], times[i][middle], gflops, gflops / _peak);
        })];
        return new Result(_case.Encoder.Name, _case.Samples, _case.Batch, _device.Threads, _peak, passes, times[2][0] / times[1][0], ratios[middle]);
    }

    private void Passes(ReadOnlySpan<int> samples, double[] times)
    {
        _task.Dataset.Train!.Read(samples, _batch);
        Probe();
        times[0] += Time(() => _head.Forward(_encoder.Forward(_parameters, _batch, keepForBackward: true)));
        _device.Operations.CrossEntropy(_head.Losses, _head.LogitsGradient, _head.Logits, _batch.Labels, 1);
        Probe();
        times[1] += Time(() => Backward(GradientReduction.Sum));
        Probe();
        times[2] += Time(() => Backward(GradientReduction.AbsolutePerSample));
        Probe();
    }

    private void Probe() => _peak = Math.Max(_peak, MachineProbe.MultiplyAddPeak(_probe, _device.Simd));

    private void Backward(GradientReduction reduction) => _encoder.Backward(_parameters, _gradients, _head.Backward(null, reduction), reduction);

    private void Step()
    {
        int batches = _case.Samples / _case.Batch;
        for (int i = 0; i < batches; i++) _trainer.Accumulate(_task, _parameters, _order.AsSpan(i * _case.Batch, _case.Batch), epoch: 0, weight: 1.0 / batches);
        _trainer.Update(_parameters, _state);
    }

    /// <summary>Milliseconds.</summary>
    private static double Time(Action call)
    {
        long start = Stopwatch.GetTimestamp();
        call();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    /// <summary>Operations of one sample's forward pass. Behind the last attention there is only the class token.</summary>
    private double ForwardOperations()
    {
        VisionTransformerConfig config = _encoder.Config;
        double tokens = config.Tokens, width = config.Width, patch = (double)config.PatchSize * config.PatchSize * config.Image.Channels;
        double readAll = (3 * tokens * width * width) + (2 * tokens * tokens * width), perToken = (width * width) + (2 * width * config.MlpWidth);
        double layers = (config.Layers * readAll) + ((((config.Layers - 1) * tokens) + 1) * perToken);
        return 2 * (layers + (config.Patches * patch * width) + (width * Classes));
    }
}
