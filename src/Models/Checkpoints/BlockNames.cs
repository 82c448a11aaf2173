using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Models.Checkpoints;

/// <summary>A tensor that a layout expects.</summary>
internal sealed record NamedTensor(string Name, Shape Shape);

internal sealed record NormNames(NamedTensor Weight, NamedTensor Bias)
{
    public static NormNames Of(string name, long width) => new(new NamedTensor($"{name}.weight", [width]), new NamedTensor($"{name}.bias", [width]));

    public static IEnumerable<NamedTensor> Tensors(NormNames? norm) => norm is null ? [] : [norm.Weight, norm.Bias];
}

internal sealed record LinearNames(NamedTensor Weight, NamedTensor? Bias)
{
    public static LinearNames Of(string name, long inputs, long outputs, bool bias = true) =>
        new(new NamedTensor($"{name}.weight", [outputs, inputs]), bias ? new NamedTensor($"{name}.bias", [outputs]) : null);

    public static IEnumerable<NamedTensor> Tensors(LinearNames? linear) => linear is null ? [] : linear.Bias is null ? [linear.Weight] : [linear.Weight, linear.Bias];
}

/// <summary>Names and shapes of one block; queries, keys and values are one fused layer or three.</summary>
internal sealed record BlockNames(
    NormNames Norm1, LinearNames[] QueryKeyValue, LinearNames Projection, NormNames Norm2, LinearNames Expand, LinearNames Contract,
    NamedTensor? AttentionScale = null, NamedTensor? MlpScale = null)
{
    public IEnumerable<NamedTensor> Tensors()
    {
        foreach (NamedTensor tensor in NormNames.Tensors(Norm1).Concat(QueryKeyValue.SelectMany(LinearNames.Tensors)).Concat(LinearNames.Tensors(Projection))) yield return tensor;
        foreach (NamedTensor tensor in NormNames.Tensors(Norm2).Concat(LinearNames.Tensors(Expand)).Concat(LinearNames.Tensors(Contract))) yield return tensor;
        if (AttentionScale is not null) yield return AttentionScale;
        if (MlpScale is not null) yield return MlpScale;
    }
}
