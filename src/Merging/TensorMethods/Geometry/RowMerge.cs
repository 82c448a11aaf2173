using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.Geometry;

/// <summary>Every row a vector of its own: Gram matrices and sums within the chunk, no pass beforehand.</summary>
internal sealed class RowMerge : TensorMerge
{
    private readonly TensorTask _task;
    private readonly Weighing _weighing;
    private readonly WeighedInputs _inputs;
    private readonly DeviceBuffer _deviceProducts;
    private readonly DeviceBuffer _deviceCoefficients;
    private readonly double[] _products;
    private readonly double[] _coefficients;
    private readonly DeviceSpan<float>[] _slices;

    public RowMerge(TensorTask task, int[] models, int baseIndex, Weighing weighing)
    {
        (_task, _weighing) = (task, weighing);
        _inputs = new WeighedInputs(task, models, baseIndex, task.RowLength);
        long rows = Math.Max(1, _inputs.Piece / task.RowLength);
        _products = new double[rows * OperationSet.SumCount(models.Length, SumTerms.Products)];
        _coefficients = new double[rows * task.Inputs];
        _slices = new DeviceSpan<float>[task.Inputs];
        _deviceProducts = task.Device.Allocate<double>(_products.Length);
        _deviceCoefficients = task.Device.Allocate<double>(_coefficients.Length);
    }

    public override long Unit => _task.RowLength;

    public override long WorkingBytes => _inputs.Bytes + (2 * sizeof(double) * (_products.LongLength + _coefficients.LongLength));

    public override void Map(in TensorChunk chunk)
    {
        for (long at = 0; at < chunk.Length; at += _inputs.Piece) Map(chunk, at, Math.Min(_inputs.Piece, chunk.Length - at));
    }

    private void Map(in TensorChunk chunk, long start, long length)
    {
        OperationSet operations = _task.Device.Operations;
        int rows = (int)(length / _task.RowLength), pairs = OperationSet.SumCount(_inputs.Count, SumTerms.Products);
        DeviceSpan<double> products = _deviceProducts.AsSpan<double>().Slice(0, (long)rows * pairs);
        operations.RowProducts(products, _inputs.On(chunk, start, length), _task.RowLength);
        _task.Device.Download(products, _products.AsSpan(0, rows * pairs));
        Span<double> shares = stackalloc double[_inputs.Count];
        for (int row = 0; row < rows; row++)
        {
            _weighing(new GramMatrix(_products.AsSpan(row * pairs, pairs), _inputs.Count), shares);
            _inputs.ToCoefficients(shares, _coefficients.AsSpan(row), rows);
        }

        DeviceSpan<double> coefficients = _deviceCoefficients.AsSpan<double>().Slice(0, (long)rows * _task.Inputs);
        _task.Device.Upload<double>(_coefficients.AsSpan(0, rows * _task.Inputs), coefficients);
        for (int k = 0; k < _slices.Length; k++) _slices[k] = chunk.Inputs[k].Slice(start, length);
        operations.CombineGroups(chunk.Output.Slice(start, length), _slices, coefficients, rows, _task.RowLength);
    }

    protected override void Dispose(bool disposing)
    {
        _inputs.Dispose();
        _deviceProducts.Dispose();
        _deviceCoefficients.Dispose();
        base.Dispose(disposing);
    }
}
