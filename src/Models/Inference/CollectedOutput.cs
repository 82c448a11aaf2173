using MergeEngine.Models.Datasets;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Inference;

/// <summary>One output of a model for all samples of a split, gathered batch by batch.</summary>
internal sealed class CollectedOutput
{
    private readonly string _name;
    private readonly Shape _shape;
    private readonly Func<Matrix> _source;
    private readonly float[] _values;
    private float[] _rows = [];

    /// <param name="name">What it is called in the file.</param>
    /// <param name="split">The samples.</param>
    /// <param name="shape">[samples, …].</param>
    /// <param name="source">The rows of the batch that was run last.</param>
    /// <exception cref="ModelException">It does not fit into memory.</exception>
    public CollectedOutput(string name, DatasetSplit split, Shape shape, Func<Matrix> source)
    {
        _name = name;
        _shape = shape;
        _source = source;
        if (shape.ElementCount > Array.MaxLength)
            throw new ModelException($"{split.Source}: its {split.Count} samples give '{name}' {shape} with {shape.ElementCount} values, expected at most {Array.MaxLength}: split the file.");
        _values = new float[shape.ElementCount];
    }

    /// <summary>Rows in the order of the samples.</summary>
    public void Take(Device device, int firstSample)
    {
        Matrix rows = Contiguous();
        long sample = _shape.ElementCount / _shape[0];
        device.Download(rows.Data, _values.AsSpan(checked((int)(firstSample * sample)), checked(rows.Rows * rows.Columns)));
    }

    /// <summary>Rows of tokens that are packed as a batch is; what is padding in the file's shape stays 0.</summary>
    public void TakePacked(TextBatch batch, int firstSample)
    {
        Matrix rows = Contiguous();
        int width = rows.Columns, columns = (int)_shape[1], row = 0;
        if (_rows.Length < rows.Rows * width) _rows = new float[rows.Rows * width];
        batch.Device.Download(rows.Data, _rows.AsSpan(0, rows.Rows * width));
        int place = 0;
        foreach (Encoders.SampleRun run in batch.Rows.Runs)
        {
            for (int i = 0; i < run.Samples; i++, row += run.Tokens)
            {
                int text = firstSample + batch.CallerOf(place), length = batch.LengthOf(place++);
                _rows.AsSpan(row * width, length * width).CopyTo(_values.AsSpan(checked(text * columns * width)));
            }
        }
    }

    public TensorContent ToTensor() => TensorContent.FromFloat32(_name, _shape, _values);

    private Matrix Contiguous()
    {
        Matrix rows = _source();
        return rows.IsContiguous ? rows : throw new InvalidOperationException($"'{_name}' is not contiguous.");
    }
}
