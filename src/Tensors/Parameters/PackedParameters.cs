using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Parameters;

/// <summary>
/// Weights of a vector in the order in which the device multiplies them, see <see cref="OperationSet.PackWeight"/>: made once, for inference. It holds
/// copies, which <see cref="Refresh"/> brings up to date.
/// </summary>
public sealed class PackedParameters : IDisposable
{
    private readonly ParameterVector _vector;
    private readonly DeviceBuffer _buffer;
    private readonly Parameter[] _weights;
    private readonly Dictionary<long, PackedWeight> _byOffset = [];

    internal PackedParameters(ParameterVector vector, IEnumerable<Parameter> weights)
    {
        _vector = vector;
        _weights = [.. weights.Distinct()];
        OperationSet operations = vector.Device.Operations;
        Bytes = _weights.Sum(weight => BytesOf(operations, weight));
        _buffer = vector.Device.Allocate(Bytes);
        try
        {
            DeviceSpan<byte> free = _buffer.AsSpan<byte>();
            foreach (Parameter weight in _weights)
            {
                Matrix values = vector.Matrix(weight.Name);
                long bytes = BytesOf(operations, weight);
                _byOffset.Add(weight.Offset, new PackedWeight(free.Slice(0, bytes), values.Rows, values.Columns));
                free = free.Slice(bytes);
            }

            Refresh();
        }
        catch
        {
            _buffer.Dispose();
            throw;
        }
    }

    /// <summary>The parameters that are packed.</summary>
    public IReadOnlyList<Parameter> Weights => _weights;

    /// <summary>Memory that the copies take.</summary>
    public long Bytes { get; }

    /// <summary>Packs the vector's present values, and allocates nothing. Whoever computes with the vector meanwhile may see some of either.</summary>
    public void Refresh()
    {
        foreach (Parameter weight in _weights) _vector.Device.Operations.PackWeight(_byOffset[weight.Offset], _vector.Matrix(weight.Name));
    }

    /// <summary>The packed form of a parameter; false where it has none.</summary>
    public bool TryGet(Parameter parameter, out PackedWeight weight) => _byOffset.TryGetValue(parameter.Offset, out weight);

    public void Dispose() => _buffer.Dispose();

    /// <summary>Whole cache lines, so that every weight starts on one.</summary>
    private static long BytesOf(OperationSet operations, Parameter weight)
    {
        int outputs = checked((int)weight.Shape[0]);
        return (operations.PackedWeightBytes(outputs, checked((int)(weight.Length / outputs))) + 63) / 64 * 64;
    }
}
