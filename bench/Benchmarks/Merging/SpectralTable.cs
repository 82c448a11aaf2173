using MergeEngine.Benchmarks.Frame;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Benchmarks.Merging;

/// <summary>
/// Merging methods by singular vectors, beside the floor of the operations that they need: those in float64 at the rate of a float64 product, those in float32 at the rate of a float32 one,
/// both measured around every merge.
/// </summary>
internal static class SpectralTable
{
    private const int Rounds = 5;

    private static readonly Shape[] s_shapes = [new(768, 768), new(768, 3072), new(1024, 1024), new(2048, 2048), new(4096, 4096)];

    private sealed record Row(string Method, int Rows, int Columns, int Threads, double Seconds, double DoubleGflops, double ShareOfPeak, double SingleGflops, double ShareOfProduct);

    /// <summary>Prints the table and keeps it as <c>spectral</c>.</summary>
    public static void Run(SuiteOptions options)
    {
        using var device = new CpuDevice(options.Number("--threads") ?? 0);
        // A long matrix counts as the square one that takes about as long.
        Shape[] shapes = options.UpTo(s_shapes, 2048, shape => shape[1] == 3072 ? 2048 : shape[1]);
        string time = device.Threads == 1 ? "processor time" : "time";
        var table = new ResultTable<Row>(
            "spectral", options.Directory, device, $"One matrix of {TensorModels.Count} models and a base; median of {Rounds} rounds of {time}. Operations are those of the textbook. {ProductRates.About}",
            "method", "matrix", "seconds", "float64 product GFLOP/s", "of the multiply-add peak", "float32 product GFLOP/s", "of the product's rate");
        foreach (Shape shape in shapes)
        {
            using var models = new TensorModels(device, [shape]);
            foreach (string method in (string[])["tsv", "iso_c", "iso_cts"]) Measure(table, device, models, method, (int)shape[0], (int)shape[1]);
        }

        table.Save();
    }

    /// <summary>Operations in float64 and in float32 that a method's textbook way takes for one matrix of several models.</summary>
    public static (double Double, double Single) OperationsOf(string method, int models, int m, int n)
    {
        int k = Math.Min(m, n), each = method == "tsv" ? k / models : (int)Math.Round((k - (int)(k * 0.8)) / (double)models), common = k - (each * models);
        double polars = DecompositionTable.PolarOperations(m, k) + DecompositionTable.PolarOperations(k, n), area = 2.0 * m * n;
        return method switch
        {
            "tsv" => ((models * DecompositionTable.Operations(m, n, each)) + polars, area * k),
            "iso_c" => (DecompositionTable.PolarOperations(m, n), 0),
            _ => (DecompositionTable.Operations(m, n, common) + (models * DecompositionTable.Operations(m, n, each)) + polars, area * (k + (2.0 * models * common))),
        };
    }

    private static void Measure(ResultTable<Row> table, CpuDevice device, TensorModels models, string method, int m, int n)
    {
        (double Double, double Single) operations = OperationsOf(method, TensorModels.Count, m, n);
        using var products = new ProductRates(device);
        Action merge = new MergeCase(method, "", "").Prepare(models);
        double[] seconds = new double[Rounds], rates = new double[Rounds], singles = new double[Rounds], ratios = new double[Rounds];
        for (int round = -1; round < Rounds; round++)
        {
            double time = 0;
            (double rate, double single) = products.Around(() => time = DecompositionTable.Seconds(device, merge));
            if (round >= 0) (seconds[round], rates[round], singles[round], ratios[round]) = (time, rate / 1e9, single / 1e9, ((operations.Double / rate) + (operations.Single / single)) / time);
        }

        double rateOfDoubles = DecompositionTable.Median(rates);
        var row = new Row(
            method, m, n, device.Threads, DecompositionTable.Median(seconds), rateOfDoubles, ProductRates.ShareOfPeak(rateOfDoubles, table.Ceilings), DecompositionTable.Median(singles),
            DecompositionTable.Median(ratios));
        table.Add(row, method, $"{m} x {n}", $"{row.Seconds:F3}", $"{row.DoubleGflops:F1}", $"{row.ShareOfPeak:P0}", $"{row.SingleGflops:F1}", $"{row.ShareOfProduct:P0}");
    }
}
