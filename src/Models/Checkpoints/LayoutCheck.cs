using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Checkpoints;

/// <summary>A checkpoint against the tensors that a layout expects of it.</summary>
internal static class LayoutCheck
{
    /// <summary>Every tensor is there with its shape, and nothing is there that the encoder would have to run but cannot.</summary>
    /// <param name="checkpoint">The open checkpoint.</param>
    /// <param name="expected">What the layout needs.</param>
    /// <param name="leavesAlone">True for a tensor that is nobody's part and changes no feature.</param>
    /// <param name="family">What the encoder is called in messages.</param>
    /// <exception cref="ModelException">Lists what is wrong.</exception>
    public static void Require(Checkpoint checkpoint, IEnumerable<NamedTensor> expected, Predicate<string> leavesAlone, string family)
    {
        var known = new HashSet<string>(StringComparer.Ordinal);
        var faults = new List<string>();
        foreach (NamedTensor tensor in expected)
        {
            known.Add(tensor.Name);
            if (!checkpoint.TryGet(tensor.Name, out TensorEntry? entry)) faults.Add($"tensor {Quoting.Quote(tensor.Name)} {tensor.Shape} is missing");
            else if (entry.Shape != tensor.Shape) faults.Add($"tensor {Quoting.Quote(tensor.Name)} is {entry.Shape}, expected {tensor.Shape}");
        }

        // What the encoder would have to run comes first: a tensor in another place often goes with one that is missing.
        foreach (string name in checkpoint.Names)
        {
            if (!known.Contains(name) && !leavesAlone(name))
                throw new ModelException($"{checkpoint.Path}: tensor {Quoting.Quote(name)} belongs to something that this {family} encoder does not have and is not supported.");
        }

        if (faults.Count > 0) throw new ModelException($"{checkpoint.Path}: {string.Join("; ", faults)}.");
    }
}
