using MergeEngine.Merging.Streaming.Execution.Pipeline;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Streaming.Profiling;
using MergeEngine.Merging.TensorMethods;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Execution.Flows;

/// <summary>A tensor that is merged in float64, all of it at once.</summary>
internal sealed class WholeFlow(TensorJob tensor, TensorTask task, TensorWriter writer, FlowContext context) : ChunkFlow
{
    // The collector would keep the arrays of a large tensor beside those of the next.
    private const long CollectBytes = 32 << 20;

    private double[][]? _inputs;
    private double[]? _output;
    private bool _given;

    public override long WorkingBytes { get; } = TensorNeeds.Add(BytesOf(tensor), TensorInputs.WorkingBytesOf(tensor));

    /// <summary>The least that is not nothing: the values are in arrays.</summary>
    public override long ChunkBytes => 64;

    public override bool IsSingle => true;

    /// <summary>Bytes of all inputs, the output and what the method holds beside them, in float64.</summary>
    public static long BytesOf(TensorJob tensor) =>
        (tensor.Sources.Count + 1L + tensor.Method!.Float64Arrays(tensor.Parameters!.Models.Count)) * tensor.Shape.ElementCount * sizeof(double);

    public override Chunk? Next()
    {
        if (_given) return null;
        _given = true;
        return new Chunk(0, 0, task.Length);
    }

    public override void Read(Chunk chunk)
    {
        if (task.Length > Array.MaxLength)
            throw new InsufficientMemoryException($"{this} has {task.Length} elements, and in float64 at most {Array.MaxLength} are merged.");
        _inputs = new double[tensor.Sources.Count][];
        for (int k = 0; k < _inputs.Length; k++)
        {
            context.Cancellation.ThrowIfCancellationRequested();
            var source = new SourceReader(tensor.Sources[k], context.Times);
            _inputs[k] = GC.AllocateUninitializedArray<double>((int)task.Length);
            source.Read(0, _inputs[k]);
            context.NonFinite.Add(tensor.Sources[k], NonFinite.Count(_inputs[k]));
            context.Meter.Read(source.BytesOf(task.Length));
            context.Meter.Advance(source.BytesOf(task.Length));
        }
    }

    public override void Compute(Chunk chunk)
    {
        _output = new double[task.Length];
        long start = StageTimes.Start(context.Times);
        Refusal.Explain(tensor.Name, () => tensor.Method!.MergeFloat64(task, _inputs!, _output));
        context.Times?.Add(MergeStage.Merging, tensor.Method!.Name, start, sizeof(double) * task.Length * (tensor.Sources.Count + 1L), onDevice: false);
    }

    public override void Write(Chunk chunk)
    {
        long bytes = writer.BytesOf(task.Length);
        writer.Write(0, _output);
        context.Meter.Wrote(bytes);
        context.Meter.Advance(bytes);
    }

    public override bool EndPass() => false;

    public override string ToString() => $"The tensor {Quoting.Quote(tensor.Name)}, in float64,";

    protected override void Dispose(bool disposing)
    {
        (_inputs, _output) = (null, null);
        if (WorkingBytes > CollectBytes) GC.Collect();
        base.Dispose(disposing);
    }
}
