using System.Diagnostics;
using System.Globalization;
using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Streaming.Execution;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Probes;

/// <summary>Times merges of synthetic checkpoints, file to file, beside the time that the files alone take on the same file system.</summary>
public sealed class MergeThroughput : IDisposable
{
    /// <summary>Methods that are measured, the plainest first.</summary>
    public static IReadOnlyList<string> Methods { get; } =
        ["linear", "task_arithmetic", "ties", "dare_ties", "della", "breadcrumbs", "sce", "model_stock", "karcher"];

    private readonly StagingDirectory _staging;
    private readonly string _directory;
    private readonly int _models;
    private readonly ExecutionOptions _options;
    private readonly int _threads;
    private readonly int _rounds;

    /// <summary>Writes a base and models to a new directory, which <see cref="Dispose"/> removes; what a run that was killed has left there is removed first.</summary>
    /// <param name="parent">Where there is room for them and one more.</param>
    /// <param name="models">Models to merge, the base apart.</param>
    /// <param name="parameters">About as many float32 values in each.</param>
    /// <param name="rounds">Measurements of each figure.</param>
    /// <param name="options">How to merge.</param>
    /// <param name="cancellation">Stops between two tensors.</param>
    /// <exception cref="SafetensorsException">There is no room.</exception>
    public MergeThroughput(string parent, int models, long parameters, int rounds, ExecutionOptions options, CancellationToken cancellation = default)
    {
        (_models, _options, _rounds) = (models, options, rounds);
        _threads = options.Threads == 0 ? Environment.ProcessorCount : options.Threads;
        Directory.CreateDirectory(parent);
        string name = Path.Combine(parent, "merge-engine-bench");
        TemporaryName.RemoveLeft(name);
        _staging = StagingDirectory.Create(name);
        _directory = _staging.Content;
        try
        {
            List<(string, Shape)> tensors = SyntheticModels.Encoder(parameters);
            ModelBytes = tensors.Sum(t => t.Item2.ElementCount) * sizeof(float);
            var writer = new SyntheticModels();
            for (int k = 0; k <= models; k++) writer.Write(ModelPath(k), tensors, k, cancellation);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Parameters that a model gets where about <paramref name="parameters"/> are asked for: its width is a multiple of 16.</summary>
    public static long ParametersOf(long parameters) => SyntheticModels.Encoder(parameters).Sum(t => t.Shape.ElementCount);

    private static TimeSpan ProcessorTime => Environment.CpuUsage.TotalTime;

    /// <summary>Bytes of one model's weights.</summary>
    public long ModelBytes { get; }

    /// <summary>The smallest memory limit, in bytes, with which a method can merge these models.</summary>
    public long LeastMemory(string method)
    {
        using MergeJob job = Plan(method);
        return MergeExecutor.Estimate(job, PlanOf(job), _options).LeastMemory;
    }

    /// <summary>Measures one method.</summary>
    /// <exception cref="OperationCanceledException">Asked for.</exception>
    public MergeRate Measure(string method, CancellationToken cancellation = default)
    {
        bool hasBase = method is not ("linear" or "karcher");
        string[] files = [.. Enumerable.Range(hasBase ? 0 : 1, hasBase ? _models + 1 : _models).Select(k => Path.Combine(ModelPath(k), Checkpoint.SingleFileName))];
        double[] floor = new double[_rounds], plain = new double[_rounds], hashed = new double[_rounds], complete = new double[_rounds], floorProcessor = new double[_rounds], processor = new double[_rounds];
        Merge(method, hash: false, cancellation);
        PeakMemory.Begin();
        for (int round = 0; round < _rounds; round++)
        {
            TimeSpan before = ProcessorTime;
            floor[round] = FileFloor.Measure(files, Path.Combine(_directory, "floor"), ModelBytes, _threads);
            TimeSpan between = ProcessorTime;
            (plain[round], processor[round], _) = Merge(method, hash: false, cancellation);
            floorProcessor[round] = (between - before).TotalSeconds;
            (hashed[round], _, complete[round]) = Merge(method, hash: true, cancellation);
        }

        return new MergeRate(method, Median(plain), Median(hashed), Median(complete), Median(floor), Median(processor), Median(floorProcessor), PeakMemory.Bytes);
    }

    public void Dispose() => _staging.Dispose();

    private (double Execute, double Processor, double Complete) Merge(string method, bool hash, CancellationToken cancellation)
    {
        string target = Path.Combine(_directory, "output");
        using MergeJob job = Plan(method);
        OutputPlan plan = PlanOf(job);
        using InputFiles inputs = InputFiles.Open(job, hash);
        var description = new MergeDescription { Recipe = method, Dialect = "mergekit", Inputs = inputs.Files };
        using OutputDirectory output = OutputDirectory.Open(target, plan, description, new OutputOptions { Hash = hash, Overwrite = true, Threads = _threads }, cancellation);
        TimeSpan before = ProcessorTime;
        long start = Stopwatch.GetTimestamp();
        MergeExecutor.Execute(job, plan, output, inputs, _options, null, cancellation);
        double executed = Stopwatch.GetElapsedTime(start).TotalSeconds;
        double processor = (ProcessorTime - before).TotalSeconds;
        output.Complete(cancellation);
        double completed = Stopwatch.GetElapsedTime(start).TotalSeconds - executed;
        Directory.Delete(target, recursive: true);
        return (executed, processor, completed);
    }

    private MergeJob Plan(string method) => MergePlanner.Plan(RecipeFile.Parse(RecipeOf(method), "bench").Recipes[0], new PlanOptions());

    private static OutputPlan PlanOf(MergeJob job) => OutputPlan.Create(job.Tensors.Select(t => new OutputTensor(t.Name, t.DType, t.Shape)));

    /// <summary>mergekit's usual parameters.</summary>
    private string RecipeOf(string method)
    {
        string model = method switch
        {
            "linear" or "task_arithmetic" => "{weight: 0.3}",
            "ties" or "dare_ties" or "della" => "{weight: 0.3, density: 0.5}",
            "breadcrumbs" => "{weight: 0.3, density: 0.9, gamma: 0.01}",
            _ => "",
        };
        string shared = method switch
        {
            "della" => "parameters: {epsilon: 0.1}",
            "sce" => "parameters: {select_topk: 0.1}",
            _ => "",
        };
        string models = string.Concat(Enumerable.Range(1, _models).Select(k =>
            string.Create(CultureInfo.InvariantCulture, $"- model: {ModelPath(k)}\n{(model.Length == 0 ? "" : $"  parameters: {model}\n")}")));
        return $"merge_method: {method}\n{(method is "linear" or "karcher" ? "" : $"base_model: {ModelPath(0)}\n")}{shared}\nmodels:\n{models}";
    }

    private string ModelPath(int number) => Path.Combine(_directory, number == 0 ? "base" : string.Create(CultureInfo.InvariantCulture, $"model-{number}"));

    private static double Median(double[] values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }
}
