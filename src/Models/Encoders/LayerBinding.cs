using MergeEngine.Models.Checkpoints;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Encoders;

/// <summary>From the names of a checkpoint to layers over the parameters of a layout.</summary>
internal static class LayerBinding
{
    public static TransformerBlockParameters Bind(this ParameterLayout layout, BlockNames block, float epsilon) => new(
        layout.Bind(block.Norm1, epsilon),
        new LinearLayer([.. block.QueryKeyValue.Select(layout.Bind)]),
        new LinearLayer(layout.Bind(block.Projection)),
        layout.Bind(block.Norm2, epsilon),
        new LinearLayer(layout.Bind(block.Expand)),
        new LinearLayer(layout.Bind(block.Contract)),
        block.AttentionScale is null ? null : layout[block.AttentionScale.Name],
        block.MlpScale is null ? null : layout[block.MlpScale.Name]);

    public static LinearPart Bind(this ParameterLayout layout, LinearNames names) =>
        new(layout[names.Weight.Name], names.Bias is null ? null : layout[names.Bias.Name]);

    public static LayerNorm Bind(this ParameterLayout layout, NormNames names, float epsilon) =>
        new(layout[names.Weight.Name], layout[names.Bias.Name], epsilon);
}
