using MergeEngine.Tensors;

namespace MergeEngine.Merging.TensorMethods.Spectral;

/// <summary>
/// output = base + λ·Δ for one matrix, Δ being made of the sum of the differences alone: so all models go by once in chunks of any size, and only the sum and the base stay in memory.
/// </summary>
/// <param name="task">The tensor.</param>
/// <param name="method">For messages.</param>
/// <param name="rule">Turns the sum into Δ, in its place.</param>
internal sealed class SumMerge(TensorTask task, string method, Action<MatrixSpace, Matrix> rule) : TensorMerge
{
    private readonly double _lambda = task.Parameters.Number("lambda");
    private DeviceMatrix? _sum;
    private DeviceMatrix? _base;
    private bool _merged;

    public override long WorkingBytes => MatrixSpace.WorkingBytes(task.Device, Rows, Columns, Math.Min(Rows, Columns), 2L * Rows * Columns);

    public override bool NeedsPass => !_merged;

    public override bool MapReadsInputs => false;

    private int Rows => (int)task.Shape[0];

    private int Columns => (int)task.Shape[1];

    public override void Accumulate(in TensorChunk chunk)
    {
        // Not before: a plan begins every tensor of a model.
        _sum ??= new DeviceMatrix(task.Device, Rows, Columns);
        _base ??= new DeviceMatrix(task.Device, Rows, Columns);
        var models = new DeviceSpan<float>[task.Parameters.Models.Count];
        for (int k = 0; k < models.Length; k++) models[k] = chunk.Inputs[task.Parameters.Models[k]];
        SpectralMethods.SumOf(task.Device, _sum.Matrix.Data.Slice(chunk.FirstIndex, chunk.Length), models, chunk.Inputs[task.Base]);
        task.Device.Operations.Copy(_base.Matrix.Data.Slice(chunk.FirstIndex, chunk.Length), chunk.Inputs[task.Base]);
    }

    public override void CompletePass()
    {
        Matrix sum = _sum!.Matrix;
        if (_lambda == 0)
        {
            task.Device.Operations.Fill(sum.Data, 0);
        }
        else
        {
            SpectralMethods.Explain(task, method, () =>
            {
                using var space = new MatrixSpace(task, [], default, Rows, Columns);
                rule(space, sum);
            });
        }

        _merged = true;
    }

    public override void Map(in TensorChunk chunk) => SpectralMethods.AddTo(
        task.Device, chunk.Output, _base!.Matrix.Data.Slice(chunk.FirstIndex, chunk.Length), _sum!.Matrix.Data.Slice(chunk.FirstIndex, chunk.Length), _lambda);

    protected override void Dispose(bool disposing)
    {
        _sum?.Dispose();
        _base?.Dispose();
        base.Dispose(disposing);
    }
}
