using System.Diagnostics;
using MergeEngine.Benchmarks.Frame;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.LinearAlgebra;

namespace MergeEngine.Benchmarks;

/// <summary>
/// Singular value decompositions beside the floor of their method: its operations at the rate of the engine's float64 product of one large square matrix, measured in turn,
/// since a shared machine's speed changes from minute to minute.
/// </summary>
internal static unsafe class DecompositionTable
{
    private const int Rounds = 5;

    private static readonly (int M, int N)[] s_shapes = [(256, 256), (768, 768), (768, 3072), (1024, 1024), (2048, 2048), (4096, 4096)];

    private sealed record Row(int M, int N, double Seconds, double Gflops, double DoubleGflops, double ShareOfDouble, double SingleGflops);

    /// <summary>Prints the table and keeps it as <c>decompositions</c>.</summary>
    public static void Run(SuiteOptions options)
    {
        int largest = options.Number("--largest") ?? 4096;
        using var device = new CpuDevice();
        using var solver = new SingularValueSolver(device);
        using var product = new DoubleProduct(device);
        var table = new ResultTable<Row>(
            "decompositions", options.Directory, device, $"Singular value decompositions beside float64 products of 1024 rows; median of {Rounds} rounds.",
            "m x n", "seconds", "GFLOP/s", "float64 product GFLOP/s", "of the product", "float32 product GFLOP/s");
        foreach ((int m, int n) in s_shapes.Where(shape => Math.Max(shape.M, shape.N) <= largest)) Measure(table, device, solver, product, m, n);
        table.Save();
    }

    private static void Measure(ResultTable<Row> table, CpuDevice device, SingularValueSolver solver, DoubleProduct product, int m, int n)
    {
        int k = Math.Min(m, n), longer = Math.Max(m, n);
        using DeviceBuffer input = device.Allocate<float>((long)m * n), left = device.Allocate<float>((long)m * k), right = device.Allocate<float>((long)k * n);
        var random = new Random(1);
        foreach (ref float value in input.AsSpan<float>().HostSpan) value = random.NextSingle() - 0.5f;
        var a = new Matrix(input.AsSpan<float>(), m, n);
        var u = new Matrix(left.AsSpan<float>(), m, k);
        var vt = new Matrix(right.AsSpan<float>(), k, n);
        float[] s = new float[k];

        // Gram (one triangle), tridiagonal form, divide and conquer (nothing deflated), back to the Gram matrix, to the longer side.
        double cube = (double)k * k * k, operations = ((double)k * k * longer) + (4.0 / 3 * cube) + (4.0 / 3 * cube) + (2 * cube) + (2.0 * k * k * longer);
        const int side = 1024;
        using DeviceBuffer doubles = device.Allocate<double>(3L * side * side), floats = device.Allocate<float>(3L * side * side);
        double* d = (double*)doubles.Address;
        for (long i = 0; i < 2L * side * side; i++) d[i] = random.NextDouble() - 0.5;
        DoubleMatrix Square(int i) => new(d + ((long)i * side * side), side, side);
        Matrix Single(int i) => new(floats.AsSpan<float>().Slice((long)i * side * side, (long)side * side), side, side);
        double[] seconds = new double[Rounds], rates = new double[Rounds], singleRates = new double[Rounds], ratios = new double[Rounds];
        for (int round = -1; round < Rounds; round++)
        {
            double rate = 2.0 * side * side * side / Seconds(() => product.Multiply(Square(2), Square(0), false, Square(1), false)) / 1e9;
            double single = 2.0 * side * side * side / Seconds(() => device.Operations.MatrixProduct(Single(2), Single(0), Single(1))) / 1e9;
            double time = Seconds(() => solver.Decompose(a, u, s, vt));
            if (round >= 0) (seconds[round], rates[round], singleRates[round], ratios[round]) = (time, rate, single, operations / time / 1e9 / rate);
        }

        var row = new Row(m, n, Median(seconds), operations / Median(seconds) / 1e9, Median(rates), Median(ratios), Median(singleRates));
        table.Add(row, $"{m} x {n}", $"{row.Seconds:F3}", $"{row.Gflops:F1}", $"{row.DoubleGflops:F1}", $"{row.ShareOfDouble:P0}", $"{row.SingleGflops:F1}");
    }

    private static double Seconds(Action call)
    {
        long start = Stopwatch.GetTimestamp();
        call();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static double Median(double[] values) => values.Order().ElementAt(values.Length / 2);
}
