using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.Geometry;

/// <summary>
/// Vectors along dimension 0, one for each place in the other dimensions: a pass adds up the Gram matrix of every column, row after row.
/// Memory is 8 bytes for each column and pair, and for each column and input.
/// </summary>
internal sealed class ColumnMerge : TensorMerge
{
    private readonly TensorTask _task;
    private readonly Weighing _weighing;
    private readonly WeighedInputs _inputs;
    private readonly DeviceBuffer _products;
    private readonly DeviceBuffer _coefficients;
    private readonly int _columns;
    private long _rows;
    private bool _weighed;

    public ColumnMerge(TensorTask task, int[] models, int baseIndex, Weighing weighing)
    {
        (_task, _weighing) = (task, weighing);
        _columns = checked((int)Math.Max(1, task.Length / Math.Max(1, task.Shape[0])));
        _inputs = new WeighedInputs(task, models, baseIndex, _columns);
        _products = task.Device.Allocate<double>((long)_columns * OperationSet.SumCount(models.Length, SumTerms.Products));
        _coefficients = task.Device.Allocate<double>((long)_columns * task.Inputs);
    }

    public override long Unit => _columns;

    public override long WorkingBytes => _inputs.Bytes + (2 * (_products.ByteLength + _coefficients.ByteLength));

    public override bool NeedsPass => !_weighed;

    public override void Accumulate(in TensorChunk chunk)
    {
        for (long at = 0; at < chunk.Length; at += _inputs.Piece)
        {
            long length = Math.Min(_inputs.Piece, chunk.Length - at);
            _task.Device.Operations.AccumulateColumnProducts(_products.AsSpan<double>(), _inputs.On(chunk, at, length), _columns, _rows);
            _rows += length / _columns;
        }
    }

    public override void CompletePass()
    {
        double[] products = new double[_products.ByteLength / sizeof(double)], coefficients = new double[(long)_columns * _task.Inputs];
        _task.Device.Download(_products.AsSpan<double>(), products.AsSpan());
        Span<double> shares = stackalloc double[_inputs.Count];
        for (int c = 0; c < _columns; c++)
        {
            _weighing(new GramMatrix(products.AsSpan(c), _inputs.Count, _columns), shares);
            _inputs.ToCoefficients(shares, coefficients.AsSpan(c), _columns);
        }

        _task.Device.Upload<double>(coefficients, _coefficients.AsSpan<double>());
        _weighed = true;
    }

    public override void Map(in TensorChunk chunk) => _task.Device.Operations.CombineGroups(chunk.Output, chunk.Inputs, _coefficients.AsSpan<double>(), _columns, 1);

    protected override void Dispose(bool disposing)
    {
        _inputs.Dispose();
        _products.Dispose();
        _coefficients.Dispose();
        base.Dispose(disposing);
    }
}
