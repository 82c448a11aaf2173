using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.Geometry;

/// <summary>A tensor as one vector: one pass for the Gram matrix, then a sum of the inputs.</summary>
internal sealed class WholeMerge : TensorMerge
{
    private readonly TensorTask _task;
    private readonly Weighing _weighing;
    private readonly WeighedInputs _inputs;
    private readonly RunningSums _sums;
    private readonly DeviceBuffer _coefficients;
    private bool _weighed;

    public WholeMerge(TensorTask task, int[] models, int baseIndex, Weighing weighing)
    {
        (_task, _weighing) = (task, weighing);
        _inputs = new WeighedInputs(task, models, baseIndex, 1);
        _sums = new RunningSums(task.Device, models.Length);
        _coefficients = task.Device.Allocate<double>(task.Inputs);
    }

    public override long WorkingBytes => _inputs.Bytes + _coefficients.ByteLength + ((long)OperationSet.SumCount(_inputs.Count, SumTerms.Products) * SumTree.StateLength * sizeof(double));

    public override bool NeedsPass => !_weighed;

    public override void Accumulate(in TensorChunk chunk)
    {
        for (long at = 0; at < chunk.Length; at += _inputs.Piece) _sums.Add(_inputs.On(chunk, at, Math.Min(_inputs.Piece, chunk.Length - at)));
    }

    public override void CompletePass()
    {
        Span<double> shares = stackalloc double[_inputs.Count];
        _weighing(new GramMatrix(_sums.Read(), _inputs.Count), shares);
        var coefficients = new double[_task.Inputs];
        _inputs.ToCoefficients(shares, coefficients);
        _task.Device.Upload<double>(coefficients, _coefficients.AsSpan<double>());
        _weighed = true;
    }

    public override void Map(in TensorChunk chunk) =>
        _task.Device.Operations.CombineGroups(chunk.Output, chunk.Inputs, _coefficients.AsSpan<double>(), 1, Math.Max(1, chunk.Length));

    protected override void Dispose(bool disposing)
    {
        _inputs.Dispose();
        _sums.Dispose();
        _coefficients.Dispose();
        base.Dispose(disposing);
    }
}
