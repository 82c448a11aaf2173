using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.Geometry;

/// <summary>
/// The vectors that a weighing sees: inputs, or their differences from a base, which are made in float32 in pieces that stay in a cache. The result is a sum of
/// the inputs either way, b + Σ s_k(x_k − b) = (1 − Σ s_k)·b + Σ s_k·x_k, and is formed in float64.
/// </summary>
internal sealed class WeighedInputs : IDisposable
{
    /// <summary>Elements of a piece of all vectors together, unless rows are longer: they stay in a core's own cache.</summary>
    private const long PieceLength = 128 * 1024;

    /// <summary>Elements of a piece of one vector at least.</summary>
    private const long LeastLength = 16 * 1024;

    private readonly TensorTask _task;
    private readonly int[] _models;
    private readonly int _base;
    private readonly DeviceBuffer? _differences;
    private readonly DeviceSpan<float>[] _vectors;

    /// <param name="task">The tensor.</param>
    /// <param name="models">Indices of the inputs that are weighed.</param>
    /// <param name="baseIndex">Input that they are taken from; −1 for the inputs themselves.</param>
    /// <param name="unit">Pieces are multiples of this.</param>
    public WeighedInputs(TensorTask task, int[] models, int baseIndex, long unit)
    {
        CheckCount(task, models.Length);
        (_task, _models, _base) = (task, models, baseIndex);
        _vectors = new DeviceSpan<float>[models.Length];
        Piece = Math.Min(Math.Max(Math.Max(PieceLength / Math.Max(models.Length, 1), LeastLength) / unit, 1) * unit, Math.Max(task.Length, 1));
        if (baseIndex >= 0) _differences = task.Device.Allocate<float>(Piece * models.Length);
    }

    /// <summary>Most elements of one piece.</summary>
    public long Piece { get; }

    public int Count => _models.Length;

    public long Bytes => _differences?.ByteLength ?? 0;

    /// <exception cref="ArgumentException">There are more models than have their angles taken.</exception>
    public static void CheckCount(TensorTask task, int models)
    {
        if (models > OperationSet.MaxSumVectors) throw new ArgumentException($"'{task.Name}' is made of {models} models, angles are taken between at most {OperationSet.MaxSumVectors}.", nameof(models));
    }

    /// <summary>The vectors on a piece of a chunk; good until the next call.</summary>
    public ReadOnlySpan<DeviceSpan<float>> On(in TensorChunk chunk, long start, long length)
    {
        for (int k = 0; k < _vectors.Length; k++)
        {
            DeviceSpan<float> input = chunk.Inputs[_models[k]].Slice(start, length);
            if (_differences is null)
            {
                _vectors[k] = input;
                continue;
            }

            _vectors[k] = _differences.AsSpan<float>().Slice(k * Piece, length);
            _task.Device.Operations.Subtract(_vectors[k], input, chunk.Inputs[_base].Slice(start, length));
        }

        return _vectors;
    }

    /// <summary>The coefficients of all inputs from the shares of the vectors, <paramref name="stride"/> apart.</summary>
    public void ToCoefficients(ReadOnlySpan<double> shares, Span<double> coefficients, int stride = 1)
    {
        for (int n = 0; n < _task.Inputs; n++) coefficients[n * stride] = 0;
        double rest = 1;
        for (int k = 0; k < _models.Length; k++)
        {
            coefficients[_models[k] * stride] = shares[k];
            rest -= shares[k];
        }

        // What is left of shares that sum to 1 by rounding is nothing of the base.
        if (_base >= 0) coefficients[_base * stride] = Math.Abs(rest) < 1e-14 ? 0 : rest;
    }

    public void Dispose() => _differences?.Dispose();
}
