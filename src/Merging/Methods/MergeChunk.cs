using MergeEngine.Tensors;

namespace MergeEngine.Merging.Methods;

/// <summary>
/// One stretch of a model on its way through a merge: the same elements of the base, of every task vector and of the output. In memory a
/// model is one chunk or a few; from disk it is many.
/// </summary>
/// <remarks>
/// <see cref="FirstIndex"/> orders the elements of the whole model, which is what "the lowest index first" among equals refers to. Chunks
/// of a pass come in that order and do not overlap.
/// </remarks>
public readonly ref struct MergeChunk
{
    /// <param name="firstIndex">Index of the first element within the model.</param>
    /// <param name="origin">The base model, [n].</param>
    /// <param name="taskVectors">τ_k = θ_k − θ_0, one [n] for each task, in the order of the tasks.</param>
    /// <param name="gradients">ḡ_k, the mean |gradient| of each task's samples, or empty.</param>
    /// <param name="output">The merged model, [n]; may be the base. <c>default</c> while statistics are taken.</param>
    public MergeChunk(
        long firstIndex, DeviceSpan<float> origin, ReadOnlySpan<DeviceSpan<float>> taskVectors, ReadOnlySpan<DeviceSpan<float>> gradients, DeviceSpan<float> output = default)
    {
        FirstIndex = firstIndex;
        Origin = origin;
        TaskVectors = taskVectors;
        Gradients = gradients;
        Output = output;
    }

    public long FirstIndex { get; }

    public long Length => Origin.Length;

    public DeviceSpan<float> Origin { get; }

    public ReadOnlySpan<DeviceSpan<float>> TaskVectors { get; }

    public ReadOnlySpan<DeviceSpan<float>> Gradients { get; }

    public DeviceSpan<float> Output { get; }

    /// <summary>The same stretch with other task vectors in the place of these.</summary>
    public MergeChunk WithTaskVectors(ReadOnlySpan<DeviceSpan<float>> taskVectors) => new(FirstIndex, Origin, taskVectors, Gradients, Output);
}
