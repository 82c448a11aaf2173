using System.Diagnostics;
using System.Runtime.InteropServices;
using MergeEngine.Benchmarks.Frame;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Cpu.MatrixProducts;
using MergeEngine.Tensors.Cpu.Probes;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Probes;

namespace MergeEngine.Benchmarks;

/// <summary>
/// Matrix products as shares of the multiply-add peak. Product and peak are measured in turn, and the best of each is compared, so
/// that other work on the machine and changes of clock do not decide the outcome.
/// </summary>
internal static unsafe class ProductTable
{
    private sealed record Shape(string Use, string Op, int M, int N, int K);

    private sealed record Row(string Use, string Op, int M, int N, int K, int Threads, double Microseconds, double Gflops, double Peak, double Share, double MedianShare);

    private static readonly Shape[] s_shapes =
    [
        new("square", "NN", 512, 512, 512), new("square", "NN", 1024, 1024, 1024), new("square", "NT", 1024, 1024, 1024),
        new("square", "NN", 2048, 2048, 2048), new("square", "NT", 2048, 2048, 2048), new("square", "TN", 2048, 2048, 2048), new("square", "NT", 3072, 3072, 3072),
        new("width 96, 64 images: qkv", "NT", 1088, 288, 96), new("width 96: projection", "NT", 1088, 96, 96),
        new("width 96: MLP up", "NT", 1088, 384, 96), new("width 96: MLP down", "NT", 1088, 96, 384),
        new("width 96: MLP input gradient", "NN", 1088, 96, 384), new("width 96: MLP weight gradient", "TN", 384, 96, 1088), new("width 96: projection weight gradient", "TN", 96, 96, 1088),
        new("width 768, 1 image: qkv", "NT", 50, 2304, 768), new("width 768, 1 image: MLP up", "NT", 50, 3072, 768),
        new("width 768, 1 image: MLP down", "NT", 50, 768, 3072), new("width 768, 1 token", "NT", 1, 768, 768),
        new("width 768, 8 images: MLP up", "NT", 400, 3072, 768), new("width 768, 32 images: MLP up", "NT", 1600, 3072, 768),
        new("width 768, 32 images: MLP down", "NT", 1600, 768, 3072), new("width 768, 32 images: MLP weight gradient", "TN", 3072, 768, 1600),
        new("width 768, 32 images: MLP input gradient", "NN", 1600, 768, 3072),
    ];

    /// <summary>Prints the table and keeps it as <c>products</c>.</summary>
    public static void Run(SuiteOptions options)
    {
        SimdLevel level = SimdLevels.FromEnvironment();
        int cores = Environment.ProcessorCount;
        int? asked = options.Number("--threads");
        Shape[] shapes = options.Only(s_shapes, shape => $"{shape.Use} {shape.Op} {shape.M}");
        using var device = new CpuDevice(asked ?? 0);
        var table = new ResultTable<Row>(
            "products", options.Directory, device, "float32 products. Best of interleaved rounds; share = best product / best multiply-add peak; median = of the shares of single rounds.",
            "use", "op", "m × n × k", "threads", "µs", "GFLOP/s", "peak", "share", "median");
        foreach (int threads in asked is { } given ? [given] : new[] { 1, cores }.Distinct())
        {
            using var pool = new WorkerPool(threads);
            using var product = new MatrixProduct(pool, level);
            foreach (Shape shape in shapes)
            {
                Row row = Measure(pool, product, level, shape);
                table.Add(
                    row, $"{row.Use}", $"{row.Op}", $"{row.M} × {row.N} × {row.K}", $"{threads}", $"{row.Microseconds:F1}", $"{row.Gflops:F0}", $"{row.Peak:F0}", $"{row.Share:P0}",
                    $"{row.MedianShare:P0}");
            }
        }

        table.Save();
        if (options.Text("--only") is null) RunSkinny(options, device);
    }

    /// <summary>Products of a few rows, whose weights come from memory as in a model that is larger than the caches: prints the table and keeps it as <c>skinny-products</c>.</summary>
    private static void RunSkinny(SuiteOptions options, CpuDevice device)
    {
        Console.WriteLine();
        var table = new ResultTable<ProductRate>(
            "skinny-products", options.Directory, device,
            "float32 products of few rows, another weight for each, as it is and packed before, as inference has it. Floor: the weights' bytes as fast as memory can be read with nothing else to do, or the operations at the peak, whichever takes longer, measured in the same rounds as both; best of the rounds. Ratio: time over that floor.",
            "m × n × k", "threads", "floor µs", "µs", "ratio", "GB/s", "packed µs", "ratio", "GB/s");
        foreach (ProductRate rate in KernelThroughput.Products(device, ProductShape.Models.Where(shape => shape.M <= ProductShape.SkinnyRows && Math.Min(shape.N, shape.K) >= 768)))
        {
            var shape = new ProductShape(rate.M, rate.N, rate.K);
            double plain = shape.WeightBytes / rate.WeightsGbps!.Value / 1e3, packed = shape.WeightBytes / rate.PackedGbps!.Value / 1e3;
            table.Add(
                rate, $"{rate.M} × {rate.N} × {rate.K}", $"{device.Threads}", $"{plain * rate.WeightsShare:F1}", $"{plain:F1}", $"{1 / rate.WeightsShare:F2}", $"{rate.WeightsGbps:F1}",
                $"{packed:F1}", $"{1 / rate.PackedShare:F2}", $"{rate.PackedGbps:F1}");
        }

        table.Save();
    }

    private static Row Measure(WorkerPool pool, MatrixProduct product, SimdLevel level, Shape shape)
    {
        (int m, int n, int k) = (shape.M, shape.N, shape.K);
        bool ta = shape.Op[0] == 'T', tb = shape.Op[1] == 'T';
        float* a = Allocate((nint)m * k), b = Allocate((nint)k * n), c = Allocate((nint)m * n);
        try
        {
            double operations = 2.0 * m * n * k;
            // Short rounds, so that some fall into quiet moments of a shared machine.
            int repeats = (int)Math.Clamp(5e8 * pool.Threads / operations, 1, 500);
            int rounds = (int)Math.Clamp(3e11 * pool.Threads / (operations * repeats), 10, 200);
            double best = double.MaxValue, peak = 0;
            var shares = new double[rounds];
            for (int round = 0; round < rounds; round++)
            {
                double before = MachineProbe.MultiplyAddPeak(pool, level);
                peak = Math.Max(peak, before);
                long start = Stopwatch.GetTimestamp();
                for (int i = 0; i < repeats; i++)
                    product.Multiply(ta, tb, m, n, k, 1f, a, ta ? m : k, b, tb ? k : n, 0f, c, n);
                double time = Stopwatch.GetElapsedTime(start).TotalMicroseconds / repeats;
                best = Math.Min(best, time);
                double after = MachineProbe.MultiplyAddPeak(pool, level);
                peak = Math.Max(peak, after);
                shares[round] = operations / time / 1e3 / ((before + after) / 2);
            }
            Array.Sort(shares);
            double gflops = operations / best / 1e3;
            return new Row(shape.Use, shape.Op, m, n, k, pool.Threads, best, gflops, peak, gflops / peak, shares[rounds / 2]);
        }
        finally
        {
            NativeMemory.AlignedFree(a);
            NativeMemory.AlignedFree(b);
            NativeMemory.AlignedFree(c);
        }
    }

    internal static float* Allocate(nint count)
    {
        float* memory = (float*)NativeMemory.AlignedAlloc((nuint)count * sizeof(float), 64);
        for (nint i = 0; i < count; i++)
            memory[i] = (i % 17 - 8) * 0.125f;
        return memory;
    }
}
