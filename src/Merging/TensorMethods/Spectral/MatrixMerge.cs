using MergeEngine.Tensors;

namespace MergeEngine.Merging.TensorMethods.Spectral;

/// <summary>How a method puts the differences of one matrix together.</summary>
/// <param name="space">The differences.</param>
/// <param name="result">[rows, columns], of undefined content: gets the merged difference, and may hold others before.</param>
internal delegate void MatrixRule(MatrixSpace space, Matrix result);

/// <summary>output = base + λ·Δ for one matrix that is merged as a whole, of the differences of all models one by one.</summary>
internal sealed class MatrixMerge : TensorMerge
{
    private readonly TensorTask _task;
    private readonly double _lambda;
    private readonly string _method;
    private readonly MatrixRule _rule;

    /// <param name="task">The tensor.</param>
    /// <param name="method">For messages.</param>
    /// <param name="numbers">In float32 that the rule holds beside its result.</param>
    /// <param name="count">Singular vectors of one model that a thread that helps is asked for.</param>
    /// <param name="common">Directions that these leave out.</param>
    /// <param name="rule">How matrices are merged.</param>
    public MatrixMerge(TensorTask task, string method, long numbers, int count, int common, MatrixRule rule)
    {
        (_task, _lambda, _method, _rule) = (task, task.Parameters.Number("lambda"), method, rule);
        int rows = (int)task.Shape[0], columns = (int)task.Shape[1];
        WorkingBytes = MatrixSpace.WorkingBytes(task.Device, rows, columns, Math.Min(rows, columns), numbers) + MatrixSpace.ProductBytes(task.Device, rows, columns);
        // Besides decompositions they are asked for a polar factor.
        HelperBytes = Math.Max(DirectionWorker.Bytes(task.Device, rows, columns, count, common), MatrixSpace.WorkingBytes(task.Device, rows, columns, Math.Min(rows, columns), 0));
    }

    public override long Unit => _task.Length;

    public override long WorkingBytes { get; }

    public override long HelperBytes { get; }

    public override int MostHelpers => MatrixSpace.CanBeHelped(_task.Device) ? Math.Max(2, _task.Parameters.Models.Count) - 1 : 0;

    public override void Map(in TensorChunk chunk)
    {
        int rows = (int)_task.Shape[0], columns = (int)_task.Shape[1];
        var models = new DeviceSpan<float>[_task.Parameters.Models.Count];
        for (int k = 0; k < models.Length; k++) models[k] = chunk.Inputs[_task.Parameters.Models[k]];
        DeviceSpan<float> origin = chunk.Inputs[_task.Base];
        Device device = _task.Device;
        var merged = new Matrix(chunk.Output, rows, columns);
        if (_lambda == 0)
        {
            device.Operations.Fill(merged.Data, 0);
        }
        else
        {
            SpectralMethods.Explain(_task, _method, () =>
            {
                using var space = new MatrixSpace(_task, models, origin, rows, columns);
                _rule(space, merged);
            });
        }

        SpectralMethods.AddTo(device, chunk.Output, origin, merged.Data, _lambda);
    }
}
