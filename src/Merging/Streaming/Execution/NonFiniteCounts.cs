using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>The values of inputs and of the output that are no numbers, by tensor; from any thread.</summary>
/// <param name="strict">Whether the first of them ends the merge.</param>
/// <param name="output">The output's path, for messages.</param>
internal sealed class NonFiniteCounts(bool strict, string output)
{
    private readonly Dictionary<TensorSource, NonFiniteTensor> _origins = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<(string Path, string Tensor), NonFiniteTensor> _counts = [];
    private readonly Dictionary<OutputTensor, long> _outputs = [];

    /// <summary>Sorted by path and name, whatever the order in which they were found.</summary>
    public IReadOnlyList<NonFiniteTensor> Tensors
    {
        get
        {
            lock (_counts)
            {
                return [.. _counts.Values.OrderBy(t => t.Path, StringComparer.Ordinal).ThenBy(t => t.Tensor, StringComparer.Ordinal)];
            }
        }
    }

    /// <summary>Sorted by name.</summary>
    public IReadOnlyList<NonFiniteOutput> Outputs
    {
        get
        {
            lock (_counts) return [.. _outputs.Select(o => new NonFiniteOutput(o.Key.Name, o.Key.DType.Name(), o.Value)).OrderBy(t => t.Tensor, StringComparer.Ordinal)];
        }
    }

    /// <summary>Notes values of a tensor that is read for the first time.</summary>
    /// <exception cref="SafetensorsException">There are some, and none are allowed.</exception>
    public void Add(TensorSource source, long count)
    {
        if (count == 0) return;
        lock (_counts)
        {
            if (!_origins.TryGetValue(source, out NonFiniteTensor? origin)) _origins.Add(source, origin = NonFiniteOrigin.Of(source));
            if (strict) throw new SafetensorsException($"{origin.Path}: the tensor {Quoting.Quote(origin.Tensor)} {Fault(origin)}, expected numbers only, as --strict asks for.");
            // What an adapter holds is counted there, once.
            NonFiniteTensor known = _counts.GetValueOrDefault((origin.Path, origin.Tensor), origin);
            _counts[(origin.Path, origin.Tensor)] = origin.Values > 0 ? origin : known with { Values = known.Values + count };
        }
    }

    /// <summary>Notes values of the output, as they are stored.</summary>
    /// <exception cref="SafetensorsException">There are some, and none are allowed.</exception>
    public void AddOutput(OutputTensor tensor, long count)
    {
        if (count == 0) return;
        if (strict)
            throw new SafetensorsException($"{output}: the merge gives NaN or infinite values in the tensor {Quoting.Quote(tensor.Name)}, which is stored as {tensor.DType.Name()}, expected numbers only, as --strict asks for.");
        lock (_counts) _outputs[tensor] = _outputs.GetValueOrDefault(tensor) + count;
    }

    private static string Fault(NonFiniteTensor origin) =>
        origin.TooLargeFor is { } type ? $"gets values that are too large for {type}, in which it is read" : "holds NaN or infinite values";
}
