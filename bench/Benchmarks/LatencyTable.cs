using MergeEngine.Benchmarks.Frame;
using MergeEngine.Models.Probes;
using MergeEngine.Tensors.Cpu;

namespace MergeEngine.Benchmarks;

/// <summary>
/// What <c>merge-engine bench latency</c> and <c>bench step</c> measure, on two threads and on all cores: passes of whole encoders from the host and back, with packed weights, and
/// training steps; embeddings, pooling and head included.
/// </summary>
internal static class LatencyTable
{
    private static readonly (string Model, int Batch, bool IsStep, int Rounds)[] s_cases =
    [
        ("minilm-8", 1, false, 300), ("minilm-32", 1, false, 300), ("minilm-128", 1, false, 200), ("vit-b-32", 1, false, 100),
        ("minilm-64", 32, false, 15), ("minilm-mixed", 32, false, 15), ("bert-base", 16, false, 7),
        ("minilm-64", 32, true, 7), ("minilm-mixed", 32, true, 7), ("vit-b-32", 32, true, 4), ("bert-base", 16, true, 4),
    ];

    /// <summary>Prints the table and keeps it as <c>latencies</c>.</summary>
    public static void Run(SuiteOptions options)
    {
        var cases = options.Only(s_cases, row => $"{row.Model} {(row.IsStep ? "step" : "forward")}");
        int cores = Environment.ProcessorCount;
        int? asked = options.Number("--threads");
        using var whole = new CpuDevice(asked ?? 0);
        var table = new ResultTable<ThreadedPass>(
            "latencies", options.Directory, whole,
            "Whole encoders with random weights. GFLOP/s of the median, counting products and attention, a step as three forwards; share = of the best multiply-add peak of the same rounds; "
            + "p99/p50 of forward passes of one sample; bytes allocated by a pass.",
            "encoder", "pass", "samples", "threads", "floor ms", "best ms", "median ms", "p99 ms", "p99/p50", "GFLOP/s", "share", "bytes");
        foreach (int threads in asked is { } given ? [given] : new[] { 2, cores }.Where(n => n <= cores).Distinct())
        {
            using var device = new CpuDevice(threads);
            foreach ((string model, int batch, bool isStep, int rounds) in cases)
            {
                PassTime time = isStep ? EncoderThroughput.TrainingStep(device, model, batch, rounds) : EncoderThroughput.Forward(device, model, batch, rounds);
                double peak = time.PeakGflops ?? double.NaN;
                table.Add(
                    new ThreadedPass(threads, time), model, time.Pass, $"{batch}", $"{threads}", $"{time.Operations / peak / 1e6:F2}", $"{time.Best:F2}", $"{time.Median:F2}", $"{time.P99:F2}",
                    batch == 1 ? $"{time.P99 / time.Median:F2}" : "", $"{time.Gflops:F0}", $"{time.Share:P0}", $"{time.AllocatedBytes}");
            }
        }

        table.Save();
    }

    private sealed record ThreadedPass(int Threads, PassTime Time);
}
