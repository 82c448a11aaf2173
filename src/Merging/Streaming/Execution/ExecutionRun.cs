using MergeEngine.Merging.Streaming.Execution.Flows;
using MergeEngine.Merging.Streaming.Execution.Pipeline;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.TensorMethods;
using MergeEngine.Tensors.Cpu;

namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>One merge while it runs: the statistics over the model, then every tensor.</summary>
internal sealed class ExecutionRun : IDisposable
{
    private readonly MergeJob _job;
    private readonly OutputPlan _plan;
    private readonly OutputDirectory _output;
    private readonly FlowContext _context;
    private readonly ModelTasks _tasks;

    /// <summary>Methods whose statistics over the model have read their tensors.</summary>
    private readonly HashSet<TensorMethod> _readBefore = [];

    public ExecutionRun(
        MergeJob job, OutputPlan plan, OutputDirectory output, ExecutionOptions options, IProgress<ExecutionProgress>? progress,
        CancellationToken cancellation)
    {
        (_job, _plan, _output) = (job, plan, output);
        _context = new FlowContext(
            new ComputeStage(options.Device), new MemoryPlan(options, job), new ExecutionMeter(progress), new NonFiniteCounts(options.Strict, output.Title),
            options.Device is CpuDevice cpu ? new HelpBoard(cpu) : null, cancellation)
        { Times = options.Times };
        try
        {
            _tasks = new ModelTasks(job, options.Device, _context.Memory);
        }
        catch
        {
            _context.Stage.Dispose();
            throw;
        }
    }

    public ExecutionSummary Execute()
    {
        long held = 0;
        TensorJob[] left = [.. _job.Tensors.Where(t => !_output.IsWritten(_plan[t.Name], 0, _plan[t.Name].ByteLength))];
        long merging = _job.Tensors.Sum(Cost);
        _context.Meter.Expect(_tasks.Statistics.Sum(s => s.Value.MostPasses * _tasks.Of(s.Key).Sum(t => InputBytes(t.Job))) + merging, merging - left.Sum(Cost));
        foreach ((TensorMethod method, ModelStatistics statistics) in _tasks.Statistics)
        {
            (TensorJob, TensorTask)[] tensors = [.. _tasks.Of(method)];
            long bytes = tensors.Sum(t => InputBytes(t.Item1));
            while (statistics.NeedsPass)
            {
                int most = statistics.MostPasses;
                _context.Meter.Begin("statistics");
                Run(held, [new StatisticsFlow(tensors, statistics, _context, isAgain: _readBefore.Contains(method))]);
                _readBefore.Add(method);
                _context.Meter.Spare((most - 1 - statistics.MostPasses) * bytes);
            }

            held += statistics.WorkingBytes;
        }

        _context.Meter.Begin("merge");
        Run(held, Flows(left));
        return _context.Meter.Summary with { NonFinite = _context.NonFinite.Tensors, NonFiniteOutputs = _context.NonFinite.Outputs };
    }

    public void Dispose()
    {
        _tasks.Dispose();
        _context.Stage.Dispose();
    }

    private void Run(long held, IEnumerable<ChunkFlow> flows)
    {
        using var pipeline = new ChunkPipeline(_context.Stage.Device, _context.Stage.Host, _context.Memory, held, _context.Cancellation, _context.Board, _context.Times);
        pipeline.Run(flows);
    }

    /// <summary>In the order of the files, which is how disks and hashes like it; small tensors in groups.</summary>
    private IEnumerable<ChunkFlow> Flows(TensorJob[] tensors)
    {
        var group = new List<TensorJob>();
        long bytes = 0;
        foreach (TensorJob tensor in tensors.Where(t => t.Shape.ElementCount > 0).OrderBy(t => FileOrder.Of(t, _job)))
        {
            long own = FlowNeeds.BytesOf(tensor);
            if (!FlowNeeds.IsSmall(own, _context.Memory))
            {
                yield return Begin(tensor);
                continue;
            }

            if (bytes + own > _context.Memory.ChunkBytes)
            {
                yield return new SmallFlow(group.ToArray().Select(Begin), _context);
                group.Clear();
                bytes = 0;
            }

            group.Add(tensor);
            bytes += own;
        }

        if (group.Count > 0) yield return new SmallFlow(group.Select(Begin), _context);
    }

    private ChunkFlow Begin(TensorJob tensor)
    {
        var writer = new TensorWriter(_output, _plan[tensor.Name], _context.NonFinite, _context.Times);
        if (tensor.Method is null) return new CopyFlow(tensor, writer, _context);
        TensorTask task = _tasks[tensor] with { Team = _context.Board, Cancellation = _context.Cancellation };
        if (tensor.IsFloat64) return new WholeFlow(tensor, task, writer, _context);
        return new TensorFlow(tensor, Refusal.Explain(tensor.Name, () => tensor.Method.Begin(task)), writer, _context, isAgain: _readBefore.Contains(tensor.Method));
    }

    private long Cost(TensorJob tensor) => InputBytes(tensor) + _plan[tensor.Name].ByteLength;

    private static long InputBytes(TensorJob tensor) => TensorInputs.BytesOf(tensor);
}
