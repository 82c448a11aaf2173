using System.Diagnostics;
using System.Runtime;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations.Profiling;
using MergeEngine.Tensors.Probes;

namespace MergeEngine.Models.Probes;

/// <summary>Quick figures for whole encoders with random weights on a user's own device, head included.</summary>
public static class EncoderThroughput
{
    private const int Warmup = 5;

    /// <summary>With fewer passes the slowest hundredth is the slowest pass.</summary>
    private const int RoundsOfATail = 100;

    /// <summary>Three times as long as the runtime waits before it compiles anew what is called often.</summary>
    private const int QuietMilliseconds = 300;

    private const int LongestMilliseconds = 3000;

    /// <summary>
    /// Names: a vision transformer of 86 million parameters with 50 or 197 tokens, BERT-base with its pooler on texts of 128 tokens, a sentence encoder of
    /// MiniLM's size on texts of 8 to 128 tokens, or of mixed lengths from 8 to 64, and a small vision transformer for slow devices.
    /// </summary>
    public static IReadOnlyList<string> Models { get; } =
        ["vit-b-32", "vit-b-16", "bert-base", "minilm-8", "minilm-32", "minilm-64", "minilm-128", "minilm-mixed", "vit-tiny"];

    /// <summary>Training steps on data that lies on the device.</summary>
    /// <param name="device">Where.</param>
    /// <param name="model">One of <see cref="Models"/>.</param>
    /// <param name="batch">Samples of a step.</param>
    /// <param name="rounds">Steps to time.</param>
    /// <param name="progress">Told after every timed pass how many are done.</param>
    /// <param name="profile">Of the device; holds the timed passes alone afterwards, and has ended. Null for none.</param>
    /// <param name="cancellation">Checked before every step.</param>
    public static PassTime TrainingStep(
        Device device, string model, int batch, int rounds, Action<int>? progress = null, OperationProfile? profile = null, CancellationToken cancellation = default) =>
        Measure(device, model, "step", batch, rounds, static p => p.Step(), progress, profile, cancellation);

    /// <summary>Forward passes as a host sees them: inputs go to the device, logits come back. Weights are packed, as in a service.</summary>
    /// <inheritdoc cref="TrainingStep"/>
    public static PassTime Forward(
        Device device, string model, int batch, int rounds, Action<int>? progress = null, OperationProfile? profile = null, CancellationToken cancellation = default) =>
        Measure(device, model, "forward", batch, rounds, static p => p.Forward(), progress, profile, cancellation);

    private static ProbeInputs InputsOf(string model, int batch)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        return model switch
        {
            "vit-b-32" => new VisionInputs(224, 32, 768, 12, 12, batch),
            "vit-b-16" => new VisionInputs(224, 16, 768, 12, 12, batch),
            "vit-tiny" => new VisionInputs(32, 8, 64, 2, 2, batch),
            "bert-base" => new TextInputs(768, 12, TextPooling.Pooler, 128, 128, batch),
            "minilm-8" => Sentences(8, 8),
            "minilm-32" => Sentences(32, 32),
            "minilm-64" => Sentences(64, 64),
            "minilm-128" => Sentences(128, 128),
            "minilm-mixed" => Sentences(8, 64),
            _ => throw new ArgumentException($"There is no model '{model}'; known models are {string.Join(", ", Models)}.", nameof(model)),
        };

        TextInputs Sentences(int shortest, int longest) => new(384, 6, TextPooling.Mean, shortest, longest, batch);
    }

    private static PassTime Measure(
        Device device, string model, string pass, int batch, int rounds, Action<ProbeModel> run, Action<int>? progress, OperationProfile? profile, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rounds, 1);
        ProbeInputs inputs = InputsOf(model, batch);
        using var probe = new ProbeModel(device, inputs);
        if (pass == "forward") probe.Pack();
        using var peak = new PeakMeter(device);
        double[] times = new double[rounds];
        long allocated = long.MaxValue;
        for (int round = -Math.Min(Warmup, rounds); round < rounds; round++)
        {
            cancellation.ThrowIfCancellationRequested();
            // A profile would take it for time of the passes.
            if (profile is null || round < 0) peak.Measure();
            if (round == 0 && rounds >= RoundsOfATail) Settle(() => run(probe), cancellation);
            if (round == 0) profile?.Clear();
            long bytes = GC.GetAllocatedBytesForCurrentThread(), start = Stopwatch.GetTimestamp();
            run(probe);
            double milliseconds = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            if (round < 0) continue;
            times[round] = milliseconds;
            allocated = Math.Min(allocated, GC.GetAllocatedBytesForCurrentThread() - bytes);
            progress?.Invoke(round + 1);
        }

        // Before models of gigabytes are given back, which is none of the passes' time.
        profile?.Dispose();
        Array.Sort(times);
        double median = times[rounds / 2], operations = (pass == "step" ? 3 : 1) * inputs.ForwardOperations;
        double p99 = times[Math.Min(rounds - 1, (int)Math.Ceiling(0.99 * rounds) - 1)];
        return new PassTime(model, pass, batch, rounds, times[0], median, p99, operations, operations / median / 1e6, peak.Gflops, allocated);
    }

    /// <summary>
    /// Repeats a pass until the runtime has compiled nothing for a while: with a team on every core it has none left for its compiler, and whoever has to make room for that holds up
    /// all the others. A service is past it after its first second.
    /// </summary>
    private static void Settle(Action pass, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp(), last = start, methods = JitInfo.GetCompiledMethodCount();
        while (Stopwatch.GetElapsedTime(last).TotalMilliseconds < QuietMilliseconds && Stopwatch.GetElapsedTime(start).TotalMilliseconds < LongestMilliseconds)
        {
            cancellation.ThrowIfCancellationRequested();
            pass();
            if (JitInfo.GetCompiledMethodCount() is var now && now != methods) (methods, last) = (now, Stopwatch.GetTimestamp());
        }
    }
}
