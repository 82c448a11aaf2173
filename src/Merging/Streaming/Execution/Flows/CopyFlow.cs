using MergeEngine.Merging.Streaming.Execution.Pipeline;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Streaming.Profiling;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Execution.Flows;

/// <summary>A tensor that no method merges: its bytes as they are where the type stays, by way of float32 where it does not.</summary>
internal sealed class CopyFlow : ChunkFlow
{
    /// <summary>Bytes that end no chunk within an element of any type, so that values are looked at whole.</summary>
    private const int Whole = 64;

    private readonly TensorJob _tensor;
    private readonly SourceReader _reader;
    private readonly TensorWriter _writer;
    private readonly FlowContext _context;
    private readonly bool _raw;
    private readonly long _total;
    private readonly long _length;
    private long _next;

    public CopyFlow(TensorJob tensor, TensorWriter writer, FlowContext context)
    {
        (_tensor, _writer, _context) = (tensor, writer, context);
        TensorSource source = tensor.Sources[0];
        WorkingBytes = TensorInputs.WorkingBytesOf(tensor);
        _reader = new SourceReader(source, context.Times);
        _raw = source.Transform is null && _reader.Stored == source.DType && source.DType == tensor.DType;
        _total = _raw ? writer.BytesOf(tensor.Shape.ElementCount) : tensor.Shape.ElementCount;
        long wanted = _raw ? Math.Max(context.Memory.ChunkBytes / Whole, 1) * Whole : Math.Max(context.Memory.ChunkBytes / sizeof(float) / _reader.Unit, 1) * _reader.Unit;
        _length = Math.Min(wanted, Math.Max(_total, 1));
        ChunkBytes = _raw ? _length : _length * sizeof(float);
    }

    public override long WorkingBytes { get; }

    public override long ChunkBytes { get; }

    public override Chunk? Next()
    {
        if (_next >= _total) return null;
        var chunk = new Chunk((int)(_next / _length), _next, Math.Min(_length, _total - _next));
        _next += _length;
        return chunk;
    }

    public override void Read(Chunk chunk)
    {
        if (_raw) _reader.ReadBytes(chunk.First, Bytes(chunk));
        else _reader.Read(chunk.First, Values(chunk));
        long start = StageTimes.Start(_context.Times), bytes = _raw ? chunk.Length : _reader.BytesOf(chunk.Length);
        _context.NonFinite.Add(_tensor.Sources[0], _raw ? NonFinite.Count(Bytes(chunk), _tensor.DType) : NonFinite.Count(Values(chunk)));
        _context.Times?.Add(MergeStage.Checking, start, bytes);
        _context.Meter.Read(bytes);
        _context.Meter.Advance(bytes);
    }

    public override void Compute(Chunk chunk)
    {
    }

    public override void Write(Chunk chunk)
    {
        long bytes = _raw ? chunk.Length : _writer.BytesOf(chunk.Length);
        if (_raw) _writer.WriteBytes(chunk.First, Bytes(chunk));
        else _writer.Write(chunk.First, Values(chunk));
        _context.Meter.Wrote(bytes);
        _context.Meter.Advance(bytes);
    }

    public override bool EndPass() => false;

    public override string ToString() => $"The tensor {Quoting.Quote(_tensor.Name)}";

    private static Span<byte> Bytes(Chunk chunk) => chunk.Memory!.AsSpan<byte>().Slice(0, chunk.Length).HostSpan;

    private static Span<float> Values(Chunk chunk) => chunk.Memory!.AsSpan<float>().Slice(0, chunk.Length).HostSpan;
}
