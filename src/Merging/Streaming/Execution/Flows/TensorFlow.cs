using MergeEngine.Merging.Streaming.Execution.Pipeline;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Streaming.Profiling;
using MergeEngine.Merging.TensorMethods;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Execution.Flows;

/// <summary>One tensor through its method: passes for statistics while it wants them, then the one that merges and writes.</summary>
internal sealed class TensorFlow : ChunkFlow
{
    private readonly TensorJob _tensor;
    private readonly TensorMerge _merge;
    private readonly TensorInputs _inputs;
    private readonly TensorWriter _writer;
    private readonly FlowContext _context;
    private readonly ChunkShape _shape;
    private readonly long[] _places;
    private readonly bool _comesOnce;
    private bool _sampling;
    private volatile bool _hasSample = true;
    private bool _mapping;
    private bool _first = true;
    private int _next;

    /// <param name="tensor">What is merged.</param>
    /// <param name="merge">Its method's work, which becomes the flow's own.</param>
    /// <param name="writer">Where it goes.</param>
    /// <param name="context">What all flows share.</param>
    /// <param name="isAgain">Whether statistics over the model have read it before.</param>
    public TensorFlow(TensorJob tensor, TensorMerge merge, TensorWriter writer, FlowContext context, bool isAgain = false)
    {
        (_tensor, _merge, _writer, _context) = (tensor, merge, writer, context);
        _inputs = new TensorInputs(tensor, context.Times);
        if (isAgain) _inputs.BeginAgain();
        _shape = ChunkShape.Of(tensor, _inputs, merge.Unit, context.Memory);
        WorkingBytes = TensorNeeds.Add(merge.WorkingBytes, TensorInputs.WorkingBytesOf(tensor));
        _mapping = !merge.NeedsPass;
        if (!_mapping && merge.MapReadsInputs && context.Memory.Holds(_shape, TensorInputs.AreComputed(tensor), WorkingBytes)) HeldChunks = _shape.Count;
        _comesOnce = context.Memory.ComesOnce(_shape.Total, _shape.Inputs);
        _places = merge.WantsSample && context.Stage.Device.IsHostMemory && HeldChunks == 0 && !TensorInputs.AreComputed(tensor) ? SamplePlaces.Of(_shape) : [];
        _sampling = _places.Length > 0;
    }

    public override long WorkingBytes { get; }

    public override long ChunkBytes => _shape.Bytes;

    public override int HeldChunks { get; }

    public override bool IsSingle => _shape.Count == 1;

    public override Chunk? Next()
    {
        if (_sampling) return NextSample();
        if (_next == _shape.Count) return null;
        long first = _next * _shape.Length;
        return new Chunk(_next++, first, Math.Min(_shape.Length, _shape.Total - first));
    }

    public override void Read(Chunk chunk)
    {
        if (_mapping && !_merge.MapReadsInputs) return;
        if (_sampling)
        {
            // Where a disk is waited for there is no sample.
            if (_hasSample && !_inputs.TryReadCached(chunk, _shape, _places.AsSpan((int)chunk.First, (int)(chunk.Length / SampleSize.Piece)))) _hasSample = false;
            return;
        }

        long bytes = _inputs.Read(chunk, _shape, _first ? _context.NonFinite : null, _mapping ? _merge.MapReads : null, _context.Cancellation);
        if (_first || !_comesOnce) _context.Meter.Read(bytes);
        if (_first) _context.Meter.Advance(bytes);
    }

    public override void Compute(Chunk chunk)
    {
        if (_sampling && !_hasSample) return;
        long start = StageTimes.Start(_context.Times);
        if (_sampling) _context.Stage.Run(chunk, _shape, _inputs, _tensor.Sources.Count, output: false, (in TensorChunk c) => _merge.Sample(c, SampleSize.Piece));
        else if (_mapping) _context.Stage.Run(chunk, _shape, _inputs, _tensor.Sources.Count, output: true, (in TensorChunk c) => _merge.Map(c), _merge.MapReadsInputs);
        else _context.Stage.Run(chunk, _shape, _inputs, _tensor.Sources.Count, output: false, (in TensorChunk c) => _merge.Accumulate(c));
        _context.Times?.Add(_mapping ? MergeStage.Merging : MergeStage.Statistics, _tensor.Method!.Name, start, sizeof(float) * chunk.Length * (_inputs.Count + (_mapping ? 1 : 0)), onDevice: true);
    }

    public override void Write(Chunk chunk)
    {
        if (!_mapping) return;
        long bytes = _writer.BytesOf(chunk.Length);
        if (!_writer.IsWritten(chunk.First, chunk.Length))
        {
            _writer.Write(chunk.First, ComputeStage.Part(chunk.Memory!, _shape, _inputs.Count, chunk.Length).HostSpan);
            _context.Meter.Wrote(bytes);
        }

        _context.Meter.Advance(bytes);
    }

    public override bool EndPass()
    {
        _next = 0;
        if (_sampling)
        {
            _sampling = false;
            long begin = StageTimes.Start(_context.Times);
            _context.Stage.Run(() => _merge.CompleteSample(_hasSample));
            _context.Times?.Add(MergeStage.Statistics, _tensor.Method!.Name, begin, 0, onDevice: false);
            return true;
        }

        if (_mapping) return false;
        long start = StageTimes.Start(_context.Times);
        _context.Stage.Run(_merge.CompletePass);
        _context.Times?.Add(MergeStage.Statistics, _tensor.Method!.Name, start, 0, onDevice: false);
        _mapping = !_merge.NeedsPass;
        if (_first) _inputs.BeginAgain();
        _first = false;
        return true;
    }

    /// <summary>As many of the places as a chunk has room for; its first is the number of a place.</summary>
    private Chunk? NextSample()
    {
        int most = (int)(_shape.Length / SampleSize.Piece), first = _next * most;
        return first >= _places.Length ? null : new Chunk(_next++, first, Math.Min(most, _places.Length - first) * (long)SampleSize.Piece);
    }

    public override string ToString() => $"The tensor {Quoting.Quote(_tensor.Name)}";

    protected override void Dispose(bool disposing)
    {
        _merge.Dispose();
        base.Dispose(disposing);
    }
}
