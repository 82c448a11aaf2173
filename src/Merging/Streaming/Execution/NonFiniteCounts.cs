using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>The values of inputs and of the output that are no numbers, by tensor; from any thread.</summary>
/// <param name="strict">Whether the first of them ends the merge.</param>
internal sealed class NonFiniteCounts(bool strict)
{
    private readonly Dictionary<(string Path, string Tensor), long> _counts = [];
    private readonly Dictionary<OutputTensor, long> _outputs = [];

    /// <summary>Sorted by path and name, whatever the order in which they were found.</summary>
    public IReadOnlyList<NonFiniteTensor> Tensors
    {
        get
        {
            lock (_counts)
            {
                return [.. _counts.Select(c => new NonFiniteTensor(c.Key.Path, c.Key.Tensor, c.Value)).OrderBy(t => t.Path, StringComparer.Ordinal).ThenBy(t => t.Tensor, StringComparer.Ordinal)];
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
        if (strict) throw new SafetensorsException($"{source.Checkpoint.Path}: the tensor {Quoting.Quote(source.Tensor)} holds NaN or infinite values, expected numbers only, as --strict asks for.");
        lock (_counts) _counts[(source.Checkpoint.Path, source.Tensor)] = _counts.GetValueOrDefault((source.Checkpoint.Path, source.Tensor)) + count;
    }

    /// <summary>Notes values of the output, as they are stored.</summary>
    /// <exception cref="SafetensorsException">There are some, and none are allowed.</exception>
    public void AddOutput(OutputTensor tensor, long count)
    {
        if (count == 0) return;
        if (strict)
            throw new SafetensorsException($"The merge gives NaN or infinite values in the tensor {Quoting.Quote(tensor.Name)}, which is stored as {tensor.DType.Name()}, expected numbers only, as --strict asks for.");
        lock (_counts) _outputs[tensor] = _outputs.GetValueOrDefault(tensor) + count;
    }
}
