using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Adapters;

/// <summary>The factors of one module in an adapter's file.</summary>
/// <param name="Name">The module's name in the model.</param>
internal sealed record LoraModule(string Name)
{
    public TensorEntry? A { get; set; }

    public TensorEntry? B { get; set; }

    /// <summary>Whether the factors are those of an embedding, whose rows are columns of A.</summary>
    public bool IsEmbedding { get; set; }

    /// <summary>What is added to the bias, times the scale; null as a rule.</summary>
    public TensorEntry? Bias { get; set; }
}
