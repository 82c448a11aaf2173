using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Checkpoints;

/// <summary>Which tensor of a checkpoint plays which part in a vision transformer.</summary>
internal sealed record VisionNames
{
    public required LinearNames Patches { get; init; }

    public NamedTensor? ClassToken { get; init; }

    public NamedTensor? RegisterTokens { get; init; }

    public required NamedTensor Positions { get; init; }

    public NormNames? PreNorm { get; init; }

    public required BlockNames[] Blocks { get; init; }

    public required NormNames FinalNorm { get; init; }

    /// <summary>[out, width], or [width, out] where <see cref="ProjectionTransposed"/>.</summary>
    public NamedTensor? Projection { get; init; }

    public bool ProjectionTransposed { get; init; }

    /// <summary>Not part of the encoder.</summary>
    public LinearNames? Classifier { get; init; }

    /// <summary>Not part of the encoder: no feature depends on it.</summary>
    public LinearNames? Pooler { get; init; }

    /// <summary>The encoder's tensors.</summary>
    public IEnumerable<NamedTensor> EncoderTensors()
    {
        foreach (NamedTensor tensor in LinearNames.Tensors(Patches)) yield return tensor;
        if (ClassToken is not null) yield return ClassToken;
        if (RegisterTokens is not null) yield return RegisterTokens;
        yield return Positions;
        foreach (NamedTensor tensor in NormNames.Tensors(PreNorm)) yield return tensor;
        foreach (NamedTensor tensor in Blocks.SelectMany(block => block.Tensors())) yield return tensor;
        foreach (NamedTensor tensor in NormNames.Tensors(FinalNorm)) yield return tensor;
        if (Projection is not null) yield return Projection;
    }

    /// <summary>The tensors around the encoder that are understood: classifier and pooler.</summary>
    public IEnumerable<NamedTensor> OtherTensors() => LinearNames.Tensors(Classifier).Concat(LinearNames.Tensors(Pooler));

    /// <summary>Scales that begin with 1: those of the LayerNorms and of the branches.</summary>
    public IEnumerable<string> Ones()
    {
        foreach (NormNames? norm in Blocks.SelectMany(b => new[] { b.Norm1, b.Norm2 }).Append(PreNorm).Append(FinalNorm))
        {
            if (norm is not null) yield return norm.Weight.Name;
        }

        foreach (NamedTensor? scale in Blocks.SelectMany(b => new[] { b.AttentionScale, b.MlpScale }))
        {
            if (scale is not null) yield return scale.Name;
        }
    }

    /// <summary>Rows that stand for tokens and positions.</summary>
    public IEnumerable<string> Tables() => new[] { ClassToken, RegisterTokens, Positions }.OfType<NamedTensor>().Select(tensor => tensor.Name);

    public ParameterLayout EncoderLayout() => new(EncoderTensors().Select(t => KeyValuePair.Create(t.Name, t.Shape)));
}
