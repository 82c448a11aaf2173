using System.Diagnostics;
using MergeEngine.Benchmarks.Frame;
using MergeEngine.Benchmarks.Merging;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.LinearAlgebra;

namespace MergeEngine.Benchmarks;

/// <summary>
/// Singular value decompositions and polar factors beside the floor of their method: its operations at the rate of the engine's float64 product of one large square matrix, measured
/// around each, since a shared machine's speed changes from minute to minute.
/// </summary>
internal static class DecompositionTable
{
    private const int Rounds = 5;

    private static readonly (int M, int N)[] s_shapes = [(256, 256), (768, 768), (768, 3072), (1024, 1024), (2048, 2048), (4096, 4096)];

    private sealed record Row(string Work, int M, int N, int Threads, double Seconds, double Gflops, double DoubleGflops, double ShareOfPeak, double ShareOfDouble);

    /// <summary>
    /// Operations that the r leading singular vectors take by the textbook's way: Gram matrix (one triangle), tridiagonal form in one step, divide and conquer (nothing deflated, the last
    /// correction for r vectors), back to the Gram matrix, to the longer side. The engine's way over a band does 2·k²·r more on the way back, and 6·k² for each diagonal of the
    /// band; these are its own affair and are not counted.
    /// </summary>
    public static double Operations(int m, int n, int r)
    {
        double k = Math.Min(m, n), longer = Math.Max(m, n);
        return (k * k * longer) + (4.0 / 3 * k * k * k) + (((1.0 / 3) + (r / k)) * k * k * k) + (2.0 * k * k * r) + (2.0 * k * r * longer);
    }

    /// <summary>The same for a polar factor: all eigenvectors, V·diag(1/σ)·Vᵀ (one triangle), and A times that.</summary>
    public static double PolarOperations(int m, int n)
    {
        double k = Math.Min(m, n);
        return Operations(m, n, (int)k) + (k * k * k);
    }

    /// <summary>Prints the table and keeps it as <c>decompositions</c>.</summary>
    public static void Run(SuiteOptions options)
    {
        (int M, int N)[] shapes = options.UpTo(s_shapes, 4096, shape => Math.Max(shape.M, shape.N));
        using var device = new CpuDevice(options.Number("--threads") ?? 0);
        using var solver = new SingularValueSolver(device);
        using var rates = new ProductRates(device);
        string time = device.Threads == 1 ? "processor time" : "time";
        var table = new ResultTable<Row>(
            "decompositions", options.Directory, device, $"Decompositions beside float64 products; median of {Rounds} rounds of {time}. Operations are those of the textbook. {ProductRates.About}",
            "what", "m x n", "seconds", "GFLOP/s", "float64 product GFLOP/s", "of the multiply-add peak", "of the product");
        foreach ((int m, int n) in shapes) Measure(table, device, solver, rates, m, n);
        table.Save();
    }

    /// <summary>Seconds of a call; on one thread the processor's time, which does not count what others on the machine take.</summary>
    public static double Seconds(CpuDevice device, Action call)
    {
        TimeSpan used = Environment.CpuUsage.TotalTime;
        long start = Stopwatch.GetTimestamp();
        call();
        return (device.Threads == 1 ? Environment.CpuUsage.TotalTime - used : Stopwatch.GetElapsedTime(start)).TotalSeconds;
    }

    public static double Median(double[] values) => values.Order().ElementAt(values.Length / 2);

    private static void Measure(ResultTable<Row> table, CpuDevice device, SingularValueSolver solver, ProductRates products, int m, int n)
    {
        int k = Math.Min(m, n), eighth = k / 8;
        using DeviceBuffer input = device.Allocate<float>((long)m * n), left = device.Allocate<float>((long)m * n), right = device.Allocate<float>((long)k * n);
        var random = new Random(1);
        foreach (ref float value in input.AsSpan<float>().HostSpan) value = random.NextSingle() - 0.5f;
        var a = new Matrix(input.AsSpan<float>(), m, n);
        Matrix U(int r) => new(left.AsSpan<float>().Slice(0, (long)m * r), m, r);
        Matrix Vt(int r) => new(right.AsSpan<float>().Slice(0, (long)r * n), r, n);
        float[] s = new float[k];
        (string What, double Operations, Action Work)[] works =
        [
            ("all vectors", Operations(m, n, k), () => solver.Decompose(a, U(k), s, Vt(k))),
            ("an eighth of them", Operations(m, n, eighth), () => solver.Decompose(a, U(eighth), s.AsSpan(0, eighth), Vt(eighth))),
            ("polar factor", PolarOperations(m, n), () => solver.PolarFactor(a, U(n))),
        ];
        foreach ((string what, double operations, Action work) in works)
        {
            double[] seconds = new double[Rounds], rates = new double[Rounds], ratios = new double[Rounds];
            for (int round = -1; round < Rounds; round++)
            {
                double time = 0, rate = products.Around(() => time = Seconds(device, work)).Double;
                if (round >= 0) (seconds[round], rates[round], ratios[round]) = (time, rate / 1e9, operations / time / rate);
            }

            double rateOfDoubles = Median(rates);
            var row = new Row(
                what, m, n, device.Threads, Median(seconds), operations / Median(seconds) / 1e9, rateOfDoubles, ProductRates.ShareOfPeak(rateOfDoubles, table.Ceilings), Median(ratios));
            table.Add(row, what, $"{m} x {n}", $"{row.Seconds:F3}", $"{row.Gflops:F1}", $"{row.DoubleGflops:F1}", $"{row.ShareOfPeak:P0}", $"{row.ShareOfDouble:P0}");
        }
    }
}
