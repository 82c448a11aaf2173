using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using MergeEngine.Benchmarks;
using MergeEngine.Benchmarks.Frame;
using MergeEngine.Benchmarks.Merging;
using MergeEngine.Benchmarks.Operations;
using MergeEngine.Benchmarks.Scaling;
using MergeEngine.Benchmarks.Suites;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Probes;

// Tables of our own measure each figure in turn with what bounds it; the ceilings stand above every table. `help` lists them. Everything that is none of their names is
// BenchmarkDotNet's command line, such as --filter '*Latency*'.
(string Name, string About, bool InAll, string[] Options, Func<SuiteOptions, bool> Run)[] suites =
[
    new("products", "matrix products as shares of the multiply-add peak", true, ["--only", "--threads"], Always(ProductTable.Run)),
    new("operations", "every operation beside its floor; --mode check and --mode gradient examine what it computes", true, ["--mode", "--only", "--threads", "--millions"],
        options => OperationTable.Run(options.Text("--mode") ?? "performance", options)),
    new("reductions", "absolute per-sample gradients beside plain ones", true, [], Always(ReductionTable.Run)),
    new("steps", "passes of whole encoders and training steps", true, ["--only", "--threads"], Always(StepTable.Run)),
    new("latencies", "whole encoders as a host sees them: single samples, full batches, training steps; best, median and 99th percentile", true, ["--only", "--threads"], Always(LatencyTable.Run)),
    new("precisions", "forward passes with weights in BF16 beside float32, and what that costs in the logits", true, ["--only", "--threads"], Always(PrecisionTable.Run)),
    new("coefficients", "mixes of task vectors and gradients by their coefficients, as AdaMerging needs them, beside one pass over the vectors", true, ["--threads"], Always(CoefficientTable.Run)),
    new("merges", "what the merging methods compute, in memory, beside a copy of their inputs", true, ["--only", "--threads"], Always(MergeTable.Run)),
    new("hashes", "hashes of merged files in vectors of every width, beside SHA-256", true, [], Always(HashTable.Run)),
    new("tokenizers", "text in a second on one core beside a pass over it", true, ["--model", "--text"], Always(TokenizerTable.Run)),
    new("summary", "the aims beside what the kept tables of --save say", true, [], Always(AimTable.Run)),
    new("scaling", "costs over batch, depth, parameters and threads, drawn as scaling.svg; --from draws a scaling.json that was kept", false, ["--from", "--rounds"], Always(ScalingTable.Run)),
    new("decompositions", "singular value decompositions and polar factors beside a float64 product", false, ["--largest", "--threads"], Always(DecompositionTable.Run)),
    new("spectral", "merging methods by singular vectors beside the products that they need", false, ["--largest", "--threads"], Always(SpectralTable.Run)),
    new("spectral-files", "whole models merged by singular vectors, file to file, beside the same", false, ["--memory-limit", "--threads"], Always(SpectralFileTable.Run)),
];

try
{
    if (args is [] or ["--save", ..])
    {
        var options = new SuiteOptions(args);
        foreach (var suite in suites.Where(s => s.InAll && (options.Directory is not null || s.Name != "summary")))
        {
            Console.WriteLine($"\n## {suite.Name}\n");
            suite.Run(options);
        }

        return 0;
    }

    if (args is ["help" or "--help" or "-h"])
    {
        foreach (var suite in suites) Console.WriteLine($"{suite.Name,-16}{suite.About}{(suite.Options.Length > 0 ? $" ({string.Join(", ", suite.Options)})" : "")}");
        Console.WriteLine($"Without a name those of {string.Join(", ", suites.Where(s => s.InAll).Select(s => s.Name))} run, one after the other.");
        Console.WriteLine("--save [DIRECTORY] keeps a table, in bench/results/ under this machine's name if no directory is given. Everything else goes to BenchmarkDotNet: --list flat, --filter '*'.");
        return 0;
    }

    if (suites.FirstOrDefault(s => s.Name == args[0]) is { Name: not null } named) return named.Run(new SuiteOptions(args.AsSpan(1), named.Options)) ? 0 : 1;
}
catch (FormatException exception)
{
    Console.Error.WriteLine($"bench {args[0]}: {exception.Message}");
    return 2;
}

if (args is [{ } word, ..] && !word.StartsWith('-'))
{
    Console.Error.WriteLine($"bench: '{word}' is no table, expected {string.Join(", ", suites.Select(s => s.Name))}, help, or BenchmarkDotNet's options such as --filter '*Latency*'.");
    return 2;
}

if (!args.Any(word => word is "--list" or "--help" or "--info" or "--version"))
{
    using var device = new CpuDevice();
    DeviceCeilings ceilings = DeviceCeilings.Measure(device);
    Console.WriteLine($"Ceilings, best (median): multiply-adds {ceilings.PeakGflops:F0} ({ceilings.MedianPeakGflops:F0}) GFLOP/s, copy {ceilings.CopyGbps:F1} ({ceilings.MedianCopyGbps:F1}) GB/s.");
}

IEnumerable<Summary> summaries = BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args, SuiteConfig.Create());
return summaries.All(summary => !summary.HasCriticalValidationErrors && summary.Reports.All(report => report.Success)) ? 0 : 1;

static Func<SuiteOptions, bool> Always(Action<SuiteOptions> run) => options =>
{
    run(options);
    return true;
};
