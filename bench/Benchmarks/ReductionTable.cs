using System.Diagnostics;
using System.Runtime.InteropServices;
using MergeEngine.Benchmarks.Frame;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Cpu.MatrixProducts;
using MergeEngine.Tensors.Cpu.Threads;

namespace MergeEngine.Benchmarks;

/// <summary>
/// What the mean absolute per-sample gradient of a weight costs beside its plain gradient: dW += Σ|dY_sᵀX_s| over dW += dYᵀX, measured in turn.
/// </summary>
internal static unsafe class ReductionTable
{
    private sealed record Row(int Samples, int Tokens, int N, int K, int Threads, double SumMicroseconds, double AbsoluteMicroseconds, double Ratio, double MedianRatio);

    private static readonly (int Samples, int Tokens, int N, int K)[] s_shapes =
    [
        (128, 50, 768, 768), (128, 50, 3072, 768), (128, 50, 768, 3072), (32, 197, 768, 768), (64, 17, 96, 96), (64, 17, 288, 96), (64, 17, 384, 96), (64, 17, 96, 384), (128, 1, 10, 96),
    ];

    public static void Run(SuiteOptions options)
    {
        SimdLevel level = SimdLevels.FromEnvironment();
        var table = new ResultTable<Row>(
            "gradient-reductions", options.Directory,
            "Absolute per-sample weight gradients beside plain ones. Ratio = best time / best time; median of the ratios of single rounds beside it.",
            "samples × tokens", "n × k", "threads", "plain µs", "absolute µs", "ratio", "median");
        foreach (int threads in new[] { 1, Environment.ProcessorCount }.Distinct())
        {
            using var pool = new WorkerPool(threads);
            using var product = new MatrixProduct(pool, level);
            foreach ((int samples, int tokens, int n, int k) in s_shapes)
            {
                Row row = Measure(product, threads, samples, tokens, n, k);
                table.Add(
                    row, $"{samples} × {tokens}", $"{n} × {k}", $"{threads}", $"{row.SumMicroseconds:F1}", $"{row.AbsoluteMicroseconds:F1}", $"{row.Ratio:F2}", $"{row.MedianRatio:F2}");
            }
        }

        table.Save();
    }

    private static Row Measure(MatrixProduct product, int threads, int samples, int tokens, int n, int k)
    {
        int tall = samples * tokens;
        float* dy = ProductTable.Allocate((nint)tall * n), x = ProductTable.Allocate((nint)tall * k), dw = ProductTable.Allocate((nint)n * k);
        try
        {
            double operations = 2.0 * tall * n * k;
            int repeats = (int)Math.Clamp(5e8 * threads / operations, 1, 500);
            int rounds = (int)Math.Clamp(3e11 * threads / (operations * repeats), 9, 101);
            var ratios = new double[rounds];
            double bestSum = double.MaxValue, bestAbsolute = double.MaxValue;
            for (int round = 0; round < rounds; round++)
            {
                long start = Stopwatch.GetTimestamp();
                for (int i = 0; i < repeats; i++)
                    product.Multiply(true, false, n, k, tall, 1f, dy, n, x, k, 1f, dw, k);
                double sum = Stopwatch.GetElapsedTime(start).TotalMicroseconds / repeats;
                start = Stopwatch.GetTimestamp();
                for (int i = 0; i < repeats; i++)
                    product.AddAbsolutePerSample(samples, tokens, n, k, dy, n, x, k, dw, k);
                double absolute = Stopwatch.GetElapsedTime(start).TotalMicroseconds / repeats;
                (bestSum, bestAbsolute) = (Math.Min(bestSum, sum), Math.Min(bestAbsolute, absolute));
                ratios[round] = absolute / sum;
            }
            Array.Sort(ratios);
            return new Row(samples, tokens, n, k, threads, bestSum, bestAbsolute, bestAbsolute / bestSum, ratios[rounds / 2]);
        }
        finally
        {
            NativeMemory.AlignedFree(dy);
            NativeMemory.AlignedFree(x);
            NativeMemory.AlignedFree(dw);
        }
    }
}
