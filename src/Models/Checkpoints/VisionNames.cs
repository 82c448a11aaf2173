using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Checkpoints;

/// <summary>A tensor that a layout expects.</summary>
internal sealed record NamedTensor(string Name, Shape Shape);

internal sealed record NormNames(NamedTensor Weight, NamedTensor Bias)
{
    public static NormNames Of(string name, long width) => new(new NamedTensor($"{name}.weight", [width]), new NamedTensor($"{name}.bias", [width]));
}

internal sealed record LinearNames(NamedTensor Weight, NamedTensor? Bias)
{
    public static LinearNames Of(string name, long inputs, long outputs, bool bias = true) =>
        new(new NamedTensor($"{name}.weight", [outputs, inputs]), bias ? new NamedTensor($"{name}.bias", [outputs]) : null);
}

/// <summary>Names and shapes of one block; queries, keys and values are one fused layer or three.</summary>
internal sealed record BlockNames(
    NormNames Norm1, LinearNames[] QueryKeyValue, LinearNames Projection, NormNames Norm2, LinearNames Expand, LinearNames Contract,
    NamedTensor? AttentionScale = null, NamedTensor? MlpScale = null);

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
        foreach (NamedTensor tensor in Of(Patches)) yield return tensor;
        if (ClassToken is not null) yield return ClassToken;
        if (RegisterTokens is not null) yield return RegisterTokens;
        yield return Positions;
        foreach (NamedTensor tensor in Of(PreNorm)) yield return tensor;
        foreach (BlockNames block in Blocks)
        {
            foreach (NamedTensor tensor in Of(block.Norm1).Concat(block.QueryKeyValue.SelectMany(Of)).Concat(Of(block.Projection))) yield return tensor;
            foreach (NamedTensor tensor in Of(block.Norm2).Concat(Of(block.Expand)).Concat(Of(block.Contract))) yield return tensor;
            if (block.AttentionScale is not null) yield return block.AttentionScale;
            if (block.MlpScale is not null) yield return block.MlpScale;
        }

        foreach (NamedTensor tensor in Of(FinalNorm)) yield return tensor;
        if (Projection is not null) yield return Projection;
    }

    /// <summary>The tensors around the encoder that are understood: classifier and pooler.</summary>
    public IEnumerable<NamedTensor> OtherTensors() => Of(Classifier).Concat(Of(Pooler));

    public ParameterLayout EncoderLayout() => new(EncoderTensors().Select(t => KeyValuePair.Create(t.Name, t.Shape)));

    private static IEnumerable<NamedTensor> Of(NormNames? norm) => norm is null ? [] : [norm.Weight, norm.Bias];

    private static IEnumerable<NamedTensor> Of(LinearNames? linear) => linear is null ? [] : linear.Bias is null ? [linear.Weight] : [linear.Weight, linear.Bias];
}
