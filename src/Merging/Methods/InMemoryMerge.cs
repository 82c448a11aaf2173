using MergeEngine.Tensors;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Methods;

/// <summary>Runs a method over parameter vectors in a device's memory.</summary>
public static class InMemoryMerge
{
    /// <summary>Elements of a chunk: the methods' scratch memory is bounded by it, and small models are one chunk.</summary>
    public const long DefaultChunk = 1 << 22;

    /// <param name="method">How to merge.</param>
    /// <param name="origin">θ_0.</param>
    /// <param name="taskVectors">τ_k, K of them.</param>
    /// <param name="output">The merged model; may be <paramref name="origin"/>.</param>
    /// <param name="gradients">ḡ_k, one for each task, or none.</param>
    /// <param name="chunkLength">Elements at a time; the result does not depend on it.</param>
    /// <exception cref="ArgumentException">The method cannot merge these inputs, or their layouts differ.</exception>
    public static void Run(
        MergeMethod method, ParameterVector origin, IReadOnlyList<ParameterVector> taskVectors, ParameterVector output, IReadOnlyList<ParameterVector>? gradients = null, long chunkLength = DefaultChunk)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(chunkLength, 1);
        gradients ??= [];
        if (gradients.Count != 0 && gradients.Count != taskVectors.Count)
            throw new ArgumentException($"{gradients.Count} gradients were given for {taskVectors.Count} task vectors.", nameof(gradients));
        origin.RequireSameLayout(output);
        foreach (ParameterVector vector in taskVectors) origin.RequireSameLayout(vector);
        foreach (ParameterVector gradient in gradients) origin.RequireSameLayout(gradient);

        using MergePlan plan = method.Plan(new MergeShape(origin.Device, taskVectors.Count, origin.Layout.ParameterCount, gradients.Count != 0));
        var chunks = new Chunks(origin, taskVectors, gradients, output, chunkLength);
        while (plan.NeedsPass)
        {
            for (long first = 0; first < origin.Layout.Length; first += chunkLength) plan.Accumulate(chunks.At(first));
            plan.CompletePass();
        }

        for (long first = 0; first < origin.Layout.Length; first += chunkLength) plan.Map(chunks.At(first));
    }

    private sealed class Chunks(
        ParameterVector origin, IReadOnlyList<ParameterVector> taskVectors, IReadOnlyList<ParameterVector> gradients, ParameterVector output, long chunkLength)
    {
        private readonly DeviceSpan<float>[] _taskVectors = new DeviceSpan<float>[taskVectors.Count];
        private readonly DeviceSpan<float>[] _gradients = new DeviceSpan<float>[gradients.Count];

        public MergeChunk At(long first)
        {
            long length = Math.Min(chunkLength, origin.Layout.Length - first);
            for (int k = 0; k < _taskVectors.Length; k++) _taskVectors[k] = taskVectors[k].Values.Slice(first, length);
            for (int k = 0; k < _gradients.Length; k++) _gradients[k] = gradients[k].Values.Slice(first, length);
            return new MergeChunk(first, origin.Values.Slice(first, length), _taskVectors, _gradients, output.Values.Slice(first, length));
        }
    }
}
