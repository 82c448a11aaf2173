using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Adapters;

/// <summary>
/// Whether weights are stored [in, out], as GPT-2's are, or [out, in]: the bias beside a weight has the length of the outputs, and a square one is stored like its
/// namesakes in other modules.
/// </summary>
internal sealed class StoredOrientation(Checkpoint model)
{
    private const string Weight = ".weight";

    private Dictionary<string, bool>? _byLastPart;

    /// <summary>Whether a weight of the model is stored [in, out].</summary>
    public bool IsTransposed(TensorEntry weight) => OfBias(weight) ?? OfNamesakes(weight.Name.EndsWith(Weight, StringComparison.Ordinal) ? weight.Name[..^Weight.Length] : weight.Name) ?? false;

    /// <summary>How modules with the same last part of their names are stored; null if nothing tells.</summary>
    public bool? OfNamesakes(string module)
    {
        if (_byLastPart is null)
        {
            _byLastPart = new Dictionary<string, bool>(StringComparer.Ordinal);
            foreach (string name in model.Names.Where(n => n.EndsWith(Weight, StringComparison.Ordinal)))
            {
                if (OfBias(model[name]) is { } transposed) _byLastPart.TryAdd(LastPart(name[..^Weight.Length]), transposed);
            }
        }

        return _byLastPart.TryGetValue(LastPart(module), out bool known) ? known : null;
    }

    private bool? OfBias(TensorEntry weight)
    {
        if (weight.Shape.Rank != 2 || weight.Shape[0] == weight.Shape[1] || !weight.Name.EndsWith(Weight, StringComparison.Ordinal)) return null;
        if (!model.TryGet($"{weight.Name[..^Weight.Length]}.bias", out TensorEntry? bias) || bias.Shape.Rank != 1) return null;
        return bias.Shape[0] == weight.Shape[0] ? false : bias.Shape[0] == weight.Shape[1] ? true : null;
    }

    private static string LastPart(string module) => module[(module.LastIndexOf('.') + 1)..];
}
