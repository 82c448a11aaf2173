using System.CommandLine;
using MergeEngine.Cli.CommandLine;
using MergeEngine.Cli.Reports;
using MergeEngine.Cli.Reports.Tables;
using MergeEngine.Cli.Terminal;
using MergeEngine.Merging.Streaming.Execution;
using MergeEngine.Merging.Streaming.Probes;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Commands;

/// <summary><c>bench merge</c>: writes checkpoints, merges them by the methods that are measured, and removes them.</summary>
internal static class BenchMerge
{
    public static readonly Option<int> Models = CommonOptions.Number("--models", "Models that 'merge' merges, the base apart; 8 if left out.", 2, 64, "N");

    public static readonly Option<int> Parameters = CommonOptions.Number("--parameters", "Parameters of a model of 'merge', float32 each, with a width that is a multiple of 16; 87500000 if left out, which makes 83879584.", 100_000, int.MaxValue, "N");

    public static readonly Option<int> MemoryLimit = CommonOptions.Number("--memory-limit-mib", "Resident memory that 'merge' stays within; 512 if left out.", 1, 1 << 20, "MiB");

    public static readonly Option<string?> Directory = new("--directory")
    {
        Description = "Where 'merge' writes its checkpoints, and removes them: the file system that is measured; the system's directory for temporary files if left out.",
        HelpName = "DIR",
    };

    public static readonly Option<string?> Method = new("--method")
    {
        Description = "The one method that 'merge' measures; all nine if left out.",
        HelpName = "METHOD",
        CustomParser = result => OptionValue.Word(result, MergeThroughput.Methods),
    };

    public static IReadOnlyList<Option> Options { get; } = [Models, Parameters, MemoryLimit, Directory, Method];

    public static void Run(CommandContext context, int rounds)
    {
        int models = context.Get(Models), parameters = context.Get(Parameters), limit = context.Get(MemoryLimit);
        if (models == 0) models = 8;
        if (parameters == 0) parameters = 87_500_000;
        long own = MergeExecutor.LeastMemoryLimit >> 20;
        if (limit != 0 && limit < own) throw new UsageException($"--memory-limit-mib is {limit}, expected {own} or more: the program itself takes as much.");
        string directory = context.Get(Directory) ?? Path.GetTempPath();
        OutputName.RequireKnown(directory);
        if (!System.IO.Directory.Exists(directory))
            throw new UsageException($"--directory is '{directory}', which {(File.Exists(directory) ? "is a file" : "does not exist")}, expected a directory to write checkpoints to.");
        OutputFile.RequireWritable($"--directory {directory}", directory);
        // The models, their base, the output, and the file beside it that is the floor.
        long needed = (models + 3L) * parameters * sizeof(float), free = new DriveInfo(directory).AvailableFreeSpace;
        if (free > 0 && needed > free)
            throw new UsageException($"{models} models of {parameters} parameters take {needed >> 20} MiB in '{directory}', where {free >> 20} MiB are free; expected fewer with --models or --parameters, or another --directory.");
        if (MergeThroughput.ParametersOf(parameters) is var real && context.Get(Parameters) != 0 && real != parameters)
            CommandContext.Note($"--parameters is {parameters}; the models have {real} parameters each, as their width is a multiple of 16.");
        using var frame = new BenchFrame(context, "merge");
        var options = new ExecutionOptions
        {
            Device = frame.Device,
            Threads = context.Threads,
            MemoryLimit = limit == 0 ? ExecutionOptions.DefaultMemoryLimit : (long)limit << 20,
        };
        BenchReport<MergeRate> report = CommandContext.WithProgress("methods", sink =>
        {
            string[] methods = [.. MergeThroughput.Methods.Where(m => context.Get(Method) is not { } only || m == only)];
            int all = methods.Length;
            sink.Report("writing models", 0, all);
            using var throughput = new MergeThroughput(directory, models, parameters, rounds, options, context.Stop);
            (string greedy, long least) = methods.Select(method => (method, throughput.LeastMemory(method))).MaxBy(pair => pair.Item2);
            if (least > options.MemoryLimit)
                throw new UsageException($"--memory-limit-mib is {options.MemoryLimit >> 20}, expected {(least + (1 << 20) - 1) >> 20} or more: '{greedy}' cannot do with less for models of this size.");
            var rates = new List<MergeRate>();
            foreach (string method in methods)
            {
                sink.Report(method, rates.Count, all);
                rates.Add(throughput.Measure(method, context.Stop));
            }

            sink.Report("done", all, all);
            return frame.Report(rates, setup: new MergeSetup(models, throughput.ModelBytes, options.MemoryLimit));
        });
        context.Write(report, CliJson.Default.MergeBench, Print);
    }

    private static void Print(BenchReport<MergeRate> report, TextWriter output)
    {
        BenchFrame.PrintHead(report, output);
        if (report.Setup is { } setup) output.WriteLine($"{Counting.Of(report.Threads, "thread")}, {Counting.Of(setup.Models, "model")} of {setup.ModelBytes / 1e6:0} MB, {setup.MemoryLimit >> 20} MiB allowed");
        TextTable table = new TextTable("method", "files (s)", "merge (s)", "ratio", "hashed (s)", "ratio", "finish (s)", "cpu ratio", "peak (MiB)").AlignRight(1, 2, 3, 4, 5, 6, 7, 8);
        foreach (MergeRate rate in report.Results)
        {
            table.Add(
                rate.Method, Figures.Decimals(rate.FloorSeconds, 3), Figures.Decimals(rate.Seconds, 3), Figures.Decimals(rate.Ratio, 2), Figures.Decimals(rate.HashedSeconds, 3),
                Figures.Decimals(rate.HashedRatio, 2), Figures.Decimals(rate.CompleteSeconds, 3), Figures.Decimals(rate.ProcessorSeconds / rate.FloorProcessorSeconds, 2),
                $"{rate.PeakMemory >> 20}");
        }

        table.Write(output);
        output.WriteLine("files: all inputs read once and the output written once, nothing else; hashed: with BLAKE3 (files up to 16 MiB SHA-256) of inputs and output; cpu ratio: the same ratio in processor time.");
    }
}
