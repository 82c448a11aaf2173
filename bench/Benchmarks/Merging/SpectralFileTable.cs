using System.Diagnostics;
using System.Globalization;
using MergeEngine.Benchmarks.Frame;
using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Streaming.Execution;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Streaming.Probes;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Benchmarks.Merging;

/// <summary>
/// Whole models merged by singular vectors, file to file with hashes, beside the floor of the operations that they need: the rates of float64 and float32 products on as many threads,
/// measured around every merge.
/// </summary>
internal static class SpectralFileTable
{
    private const int Rounds = 3, Layers = 12, Models = 8;

    private static readonly Shape[] s_layer = [new(768, 768), new(768, 3072)];

    private sealed record Row(string Method, int Models, int Threads, long MemoryLimit, double Seconds, double DoubleGflops, double ShareOfPeak, double SingleGflops, double ShareOfProduct);

    /// <summary>Prints the table and keeps it as <c>spectral-files</c>.</summary>
    public static void Run(SuiteOptions options)
    {
        using var device = new CpuDevice(options.Number("--threads") ?? 0);
        long limit = (long)(options.Number("--memory-limit") ?? 512) << 20;
        string directory = Directory.CreateTempSubdirectory("merge-engine-spectral-").FullName;
        try
        {
            (string Name, Shape Shape)[] tensors = [.. Enumerable.Range(0, Layers).SelectMany(layer => s_layer.Select((shape, i) => (string.Create(CultureInfo.InvariantCulture, $"layers.{layer}.{i}.weight"), shape)))];
            var writer = new SyntheticModels();
            for (int k = 0; k <= Models; k++) writer.Write(PathOf(directory, k), tensors, k, default);
            var table = new ResultTable<Row>(
                "spectral-files", options.Directory, device,
                $"{Models} models and a base of {Layers} x (768 x 768, 768 x 3072) in float32, file to file within {limit >> 20} MiB; median of {Rounds} rounds. Operations are those of the textbook. {ProductRates.About}",
                "method", "seconds", "float64 product GFLOP/s", "of the multiply-add peak", "float32 product GFLOP/s", "of the product's rate");
            foreach (string method in (string[])["tsv", "iso_c", "iso_cts"]) Measure(table, device, directory, method, limit);
            table.Save();
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static void Measure(ResultTable<Row> table, CpuDevice device, string directory, string method, long limit)
    {
        (double Double, double Single) operations = default;
        foreach (Shape shape in s_layer)
        {
            (double Double, double Single) own = SpectralTable.OperationsOf(method, Models, (int)shape[0], (int)shape[1]);
            operations = (operations.Double + (Layers * own.Double), operations.Single + (Layers * own.Single));
        }

        using var rates = new ProductRates(device);
        double[] seconds = new double[Rounds], doubles = new double[Rounds], singles = new double[Rounds], ratios = new double[Rounds];
        for (int round = -1; round < Rounds; round++)
        {
            double time = 0;
            (double rate, double single) = rates.Around(() =>
            {
                long start = Stopwatch.GetTimestamp();
                Merge(device, directory, method, limit);
                time = Stopwatch.GetElapsedTime(start).TotalSeconds;
            });
            if (round >= 0) (seconds[round], doubles[round], singles[round], ratios[round]) = (time, rate / 1e9, single / 1e9, ((operations.Double / rate) + (operations.Single / single)) / time);
        }

        double rateOfDoubles = DecompositionTable.Median(doubles);
        var row = new Row(
            method, Models, device.Threads, limit, DecompositionTable.Median(seconds), rateOfDoubles, ProductRates.ShareOfPeak(rateOfDoubles, table.Ceilings), DecompositionTable.Median(singles),
            DecompositionTable.Median(ratios));
        table.Add(row, method, $"{row.Seconds:F2}", $"{row.DoubleGflops:F1}", $"{row.ShareOfPeak:P0}", $"{row.SingleGflops:F1}", $"{row.ShareOfProduct:P0}");
    }

    private static void Merge(CpuDevice device, string directory, string method, long limit)
    {
        string recipe = $"merge_method: {method}\nbase_model: {PathOf(directory, 0)}\nmodels:\n" + string.Concat(Enumerable.Range(1, Models).Select(k => $"- model: {PathOf(directory, k)}\n"));
        using MergeJob job = MergePlanner.Plan(RecipeFile.Parse(recipe, "bench").Recipes[0], new PlanOptions());
        OutputPlan plan = OutputPlan.Create(job.Tensors.Select(t => new OutputTensor(t.Name, t.DType, t.Shape)));
        using InputFiles inputs = InputFiles.Open(job);
        string target = Path.Combine(directory, "output");
        var description = new MergeDescription { Recipe = method, Dialect = "mergekit", Inputs = inputs.Files };
        using (OutputDirectory output = OutputDirectory.Open(target, plan, description, new OutputOptions { Threads = device.Threads }))
        {
            MergeExecutor.Execute(job, plan, output, inputs, new ExecutionOptions { Device = device, Threads = device.Threads, MemoryLimit = limit });
            output.Complete();
        }

        Directory.Delete(target, recursive: true);
    }

    private static string PathOf(string directory, int model) => Path.Combine(directory, string.Create(CultureInfo.InvariantCulture, $"model-{model}"));
}
