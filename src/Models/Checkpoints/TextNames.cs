using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Checkpoints;

/// <summary>Which tensor of a checkpoint plays which part in a text encoder.</summary>
internal sealed record TextNames
{
    public required NamedTensor Words { get; init; }

    public required NamedTensor Positions { get; init; }

    /// <summary>Null for a CLIP.</summary>
    public NamedTensor? Types { get; init; }

    /// <summary>Null for a CLIP.</summary>
    public NormNames? EmbeddingNorm { get; init; }

    public required BlockNames[] Blocks { get; init; }

    /// <summary>CLIP's LayerNorm after the last block; null for others.</summary>
    public NormNames? FinalNorm { get; init; }

    /// <summary>[out, width], or [width, out] where <see cref="ProjectionTransposed"/>; null for none.</summary>
    public NamedTensor? Projection { get; init; }

    public bool ProjectionTransposed { get; init; }

    /// <summary>BERT's pooler; null for none.</summary>
    public LinearNames? Pooler { get; init; }

    /// <summary>True if the features come from the pooler, which makes it a part of the encoder.</summary>
    public bool PoolerIsUsed { get; init; }

    /// <summary>The layer with tanh before the classifier of a RoBERTa. Not part of the encoder.</summary>
    public LinearNames? ClassifierHidden { get; init; }

    /// <summary>Not part of the encoder.</summary>
    public LinearNames? Classifier { get; init; }

    /// <summary>The encoder's tensors.</summary>
    public IEnumerable<NamedTensor> EncoderTensors()
    {
        foreach (NamedTensor tensor in Tables().Concat(NormNames.Tensors(EmbeddingNorm)).Concat(Blocks.SelectMany(block => block.Tensors()))) yield return tensor;
        foreach (NamedTensor tensor in NormNames.Tensors(FinalNorm).Concat(LinearNames.Tensors(PoolerIsUsed ? Pooler : null))) yield return tensor;
        if (Projection is not null) yield return Projection;
    }

    /// <summary>The tensors around the encoder that are understood.</summary>
    public IEnumerable<NamedTensor> OtherTensors() =>
        LinearNames.Tensors(PoolerIsUsed ? null : Pooler).Concat(LinearNames.Tensors(ClassifierHidden)).Concat(LinearNames.Tensors(Classifier));

    public IEnumerable<NamedTensor> Tables() => Types is null ? [Words, Positions] : [Words, Positions, Types];

    public IEnumerable<NormNames> Norms() => Blocks.SelectMany(block => new NormNames?[] { block.Norm1, block.Norm2 }).Prepend(EmbeddingNorm).Append(FinalNorm).OfType<NormNames>();

    public ParameterLayout EncoderLayout() => new(EncoderTensors().Select(t => KeyValuePair.Create(t.Name, t.Shape)));
}
