using System.Diagnostics;
using MergeEngine.Tensors;

namespace MergeEngine.Models.Probes;

/// <summary>How long one kind of pass takes.</summary>
/// <param name="Model">One of <see cref="EncoderThroughput.Models"/>.</param>
/// <param name="Pass"><c>step</c>: forward, loss, backward and AdamW; <c>forward</c>: from values on the host to an output on the host.</param>
/// <param name="Batch">Samples.</param>
/// <param name="Rounds">Passes that were timed, each on its own.</param>
/// <param name="Median">Milliseconds.</param>
/// <param name="P99">Milliseconds: all but one of a hundred passes were faster.</param>
/// <param name="Gflops">Products and attention over the median, a backward pass counted as two forwards.</param>
/// <param name="AllocatedBytes">Managed bytes that the fewest-allocating round took on the calling thread.</param>
public sealed record PassTime(string Model, string Pass, int Batch, int Rounds, double Median, double P99, double Gflops, long AllocatedBytes);

/// <summary>Quick figures for whole encoders with random weights on a user's own device.</summary>
public static class EncoderThroughput
{
    private const int Warmup = 5;

    /// <summary>Names: a vision transformer of 86 million parameters with 50 or 197 tokens, BERT-base's twelve blocks on 128 tokens, a sentence encoder of MiniLM's size on texts of 128 tokens or of 8 to 64, and a small model for slow devices.</summary>
    public static IReadOnlyList<string> Models { get; } = ["vit-b-32", "vit-b-16", "bert-base", "minilm-128", "minilm-mixed", "vit-tiny"];

    /// <summary>Training steps on data that lies on the device.</summary>
    /// <param name="device">Where.</param>
    /// <param name="model">One of <see cref="Models"/>.</param>
    /// <param name="batch">Samples of a step.</param>
    /// <param name="rounds">Steps to time.</param>
    /// <param name="progress">Told after every timed pass how many are done.</param>
    /// <param name="cancellation">Checked before every step.</param>
    public static PassTime TrainingStep(Device device, string model, int batch, int rounds, Action<int>? progress = null, CancellationToken cancellation = default)
    {
        using ProbeModel probe = Open(device, model, batch);
        return Measure(probe, model, "step", rounds, 3 * probe.ForwardOperations, static p => p.Step(), progress, cancellation);
    }

    /// <summary>Forward passes as a host sees them: inputs go to the device, outputs come back.</summary>
    /// <inheritdoc cref="TrainingStep"/>
    public static PassTime Forward(Device device, string model, int batch, int rounds, Action<int>? progress = null, CancellationToken cancellation = default)
    {
        using ProbeModel probe = Open(device, model, batch);
        return Measure(probe, model, "forward", rounds, probe.ForwardOperations, static p => p.Forward(), progress, cancellation);
    }

    private static ProbeModel Open(Device device, string model, int batch)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        return model switch
        {
            "vit-b-32" => new VisionProbe(device, 224, 32, 768, 12, 12, batch),
            "vit-b-16" => new VisionProbe(device, 224, 16, 768, 12, 12, batch),
            "vit-tiny" => new VisionProbe(device, 32, 8, 64, 2, 2, batch),
            "bert-base" => new BlocksProbe(device, 128, 768, 12, 12, batch),
            "minilm-128" => new TextProbe(device, 384, 6, 12, 128, 128, batch),
            "minilm-mixed" => new TextProbe(device, 384, 6, 12, 8, 64, batch),
            _ => throw new ArgumentException($"There is no model '{model}'; known models are {string.Join(", ", Models)}.", nameof(model)),
        };
    }

    private static PassTime Measure(ProbeModel probe, string model, string pass, int rounds, double operations, Action<ProbeModel> run, Action<int>? progress, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rounds, 1);
        double[] times = new double[rounds];
        long allocated = long.MaxValue;
        for (int round = -Math.Min(Warmup, rounds); round < rounds; round++)
        {
            cancellation.ThrowIfCancellationRequested();
            long bytes = GC.GetAllocatedBytesForCurrentThread(), start = Stopwatch.GetTimestamp();
            run(probe);
            double milliseconds = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            if (round < 0) continue;
            times[round] = milliseconds;
            allocated = Math.Min(allocated, GC.GetAllocatedBytesForCurrentThread() - bytes);
            progress?.Invoke(round + 1);
        }

        Array.Sort(times);
        double median = times[rounds / 2];
        return new PassTime(model, pass, probe.Batch, rounds, median, times[Math.Min(rounds - 1, (int)Math.Ceiling(0.99 * rounds) - 1)], operations / median / 1e6, allocated);
    }
}
