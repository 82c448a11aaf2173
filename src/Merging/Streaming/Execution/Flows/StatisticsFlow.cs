using MergeEngine.Merging.Streaming.Execution.Pipeline;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Streaming.Profiling;
using MergeEngine.Merging.TensorMethods;

namespace MergeEngine.Merging.Streaming.Execution.Flows;

/// <summary>All tensors of a model, in order, through the statistics over all of them.</summary>
internal sealed class StatisticsFlow : ChunkFlow
{
    private readonly (TensorJob Job, TensorTask Task, TensorInputs Inputs, ChunkShape Shape)[] _tensors;
    private readonly ModelStatistics _statistics;
    private readonly FlowContext _context;
    private readonly long _sources;
    private int _tensor;
    private int _chunk;

    /// <param name="tensors">In the order of their numbers.</param>
    /// <param name="statistics">They want a pass; they stay their owner's.</param>
    /// <param name="context">What all flows share.</param>
    /// <param name="isAgain">Whether a pass has read the tensors before.</param>
    public StatisticsFlow(IEnumerable<(TensorJob Job, TensorTask Task)> tensors, ModelStatistics statistics, FlowContext context, bool isAgain)
    {
        (_statistics, _context) = (statistics, context);
        _tensors =
        [
            .. tensors.Select(t =>
            {
                var inputs = new TensorInputs(t.Job, context.Times);
                if (isAgain) inputs.BeginAgain();
                return (t.Job, t.Task, inputs, ChunkShape.Of(t.Job, inputs, statistics.Unit(t.Task), context.Memory));
            }),
        ];
        ChunkBytes = _tensors.Max(t => t.Shape.Bytes);
        _sources = _tensors.Select(t => TensorInputs.WorkingBytesOf(t.Job)).DefaultIfEmpty().Max();
    }

    /// <summary>The tensors follow each other; what the sources of two hold stands beside each other for a moment at most.</summary>
    public override long WorkingBytes => _statistics.WorkingBytes + (2 * _sources);

    public override long ChunkBytes { get; }

    public override bool ComputesOnAllThreads => true;

    /// <summary>A chunk and the tensor that it is of.</summary>
    private sealed class TensorPart(int tensor, int index, long first, long length) : Chunk(index, first, length)
    {
        public int Tensor { get; } = tensor;
    }

    public override Chunk? Next()
    {
        while (_tensor < _tensors.Length && _chunk == _tensors[_tensor].Shape.Count) (_tensor, _chunk) = (_tensor + 1, 0);
        if (_tensor == _tensors.Length) return null;
        ChunkShape shape = _tensors[_tensor].Shape;
        long first = _chunk * shape.Length;
        return new TensorPart(_tensor, _chunk++, first, Math.Min(shape.Length, shape.Total - first));
    }

    public override void Read(Chunk chunk)
    {
        var (_, _, inputs, shape) = _tensors[((TensorPart)chunk).Tensor];
        long bytes = inputs.Read(chunk, shape);
        _context.Meter.Read(bytes);
        _context.Meter.Advance(bytes);
    }

    public override void Compute(Chunk chunk)
    {
        var (job, task, inputs, shape) = _tensors[((TensorPart)chunk).Tensor];
        long start = StageTimes.Start(_context.Times);
        _context.Stage.Run(chunk, shape, inputs, job.Sources.Count, output: false, (in TensorChunk c) => _statistics.Accumulate(task, c));
        _context.Times?.Add(MergeStage.Statistics, job.Method!.Name, start, sizeof(float) * chunk.Length * inputs.Count, onDevice: true);
    }

    public override void Write(Chunk chunk)
    {
    }

    public override bool EndPass()
    {
        long start = StageTimes.Start(_context.Times);
        _context.Stage.Run(_statistics.CompletePass);
        _context.Times?.Add(MergeStage.Statistics, _tensors[0].Job.Method!.Name, start, 0, onDevice: false);
        return false;
    }

    public override string ToString() => "The statistics over the model";
}
